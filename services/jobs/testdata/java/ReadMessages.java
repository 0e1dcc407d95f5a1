import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.ListValue;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import headway.jobs.v1.JobOuterClass.Job;
import headway.jobs.v1.JobServiceOuterClass.GetJobResponse;
import headway.jobs.v1.JobServiceOuterClass.ListJobsResponse;
import headway.jobs.v1.JobServiceOuterClass.WatchJobResponse;
import headway.jobs.v1.WorkerServiceOuterClass.LeaseJobsResponse;
import headway.jobs.v1.WorkerServiceOuterClass.LeasedJob;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Reads the messages in a directory with the default limits of the Java runtime, and writes them again. NAME.TYPE.pb is a message as it
 * was received, and NAME.TYPE.json is the same as JSON. For each, it writes NAME.TYPE.pb.out and NAME.TYPE.json.out. At the end, it
 * prints how deep objects and lists in a payload can be nested so that it still reads the response with the lease.
 */
public final class ReadMessages {
  private static final Map<String, Message> TYPES =
      Map.of(
          "GetJobResponse", GetJobResponse.getDefaultInstance(),
          "LeaseJobsResponse", LeaseJobsResponse.getDefaultInstance(),
          "ListJobsResponse", ListJobsResponse.getDefaultInstance(),
          "WatchJobResponse", WatchJobResponse.getDefaultInstance());

  public static void main(String[] args) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of(args[0]), "*.pb")) {
      for (Path binary : files) {
        String name = binary.getFileName().toString();
        Message type = TYPES.get(name.split("\\.")[1]);
        Message message = type.getParserForType().parseFrom(Files.readAllBytes(binary));
        Path json = binary.resolveSibling(name.replace(".pb", ".json"));
        Message.Builder fromJson = type.newBuilderForType();
        JsonFormat.parser().merge(Files.readString(json), fromJson);
        if (!fromJson.build().equals(message)) {
          throw new IllegalStateException(json + " differs from " + binary);
        }
        Files.write(binary.resolveSibling(name + ".out"), message.toByteArray());
        Files.writeString(json.resolveSibling(json.getFileName() + ".out"), JsonFormat.printer().print(message));
      }
    }
    System.out.println(levels(false) + " " + levels(true));
  }

  /** Returns how many levels of objects, or of lists in an object, it reads in the payload of a leased job. */
  private static int levels(boolean lists) throws IOException {
    Value value = Value.newBuilder().setNumberValue(1).build();
    for (int levels = 1; ; levels++) {
      Struct payload = Struct.newBuilder().putFields("a", value).build();
      LeaseJobsResponse response =
          LeaseJobsResponse.newBuilder().addJobs(LeasedJob.newBuilder().setJob(Job.newBuilder().setPayload(payload))).build();
      try {
        LeaseJobsResponse.parseFrom(response.toByteArray());
      } catch (InvalidProtocolBufferException e) {
        return levels - 1;
      }
      value =
          lists
              ? Value.newBuilder().setListValue(ListValue.newBuilder().addValues(value)).build()
              : Value.newBuilder().setStructValue(payload).build();
    }
  }
}
