//go:build java

package jobs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Where Debian's packages have the runtime.
const javaClasses = "/usr/share/java/protobuf.jar:/usr/share/java/protobuf-util.jar:/usr/share/java/gson.jar:/usr/share/java/guava.jar"

const javaPackages = "default-jdk-headless libprotobuf-java libgoogle-gson-java libguava-java protobuf-compiler"

// compileJava generates the classes of the messages, and compiles the program that reads them. It returns the class path.
func compileJava(t *testing.T) string {
	t.Helper()
	sources, classes := t.TempDir(), t.TempDir()
	java(t, "protoc", append([]string{"--java_out=" + sources, "-I../../proto", "-I../../third_party/protovalidate", "-I../../third_party/googleapis",
		"buf/validate/validate.proto", "google/api/annotations.proto", "google/api/http.proto"}, glob(t, "../../proto/headway/jobs/v1/*.proto", "../../proto/")...)...)
	var files []string
	for _, pattern := range []string{"headway/jobs/v1", "buf/validate", "com/google/api", "build/buf/validate"} {
		files = append(files, glob(t, filepath.Join(sources, pattern, "*.java"), "")...)
	}
	java(t, "javac", append([]string{"-nowarn", "-cp", javaClasses, "-d", classes, "testdata/java/ReadMessages.java"}, files...)...)
	return javaClasses + ":" + classes
}

// glob returns the files that match the pattern, without the prefix.
func glob(t *testing.T, pattern, prefix string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], prefix)
	}
	return files
}

// java runs a program, and returns what it prints.
func java(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\nJava with its protobuf runtime is needed. On Debian: apt-get install %s", program, err, failure.String(), javaPackages)
	}
	return string(out)
}

// nestedJSON returns a document whose objects, or lists in an object, have this many levels.
func nestedJSON(levels int, lists bool) string {
	open, end := `{"a":`, "}"
	if lists {
		open, end = "[", "]"
	}
	return `{"a":` + strings.Repeat(open, levels-1) + "1" + strings.Repeat(end, levels-1) + `}`
}

// TestJavaReadsDeepestAndLargestDocuments creates jobs with the deepest and largest documents that the service accepts. Java's runtime,
// with its default limits, reads them in each response that has them.
func TestJavaReadsDeepestAndLargestDocuments(t *testing.T) {
	classes := compileJava(t)
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		dir := t.TempDir()
		received := map[string]proto.Message{}
		receive := func(name string, m proto.Message, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			name += "." + string(m.ProtoReflect().Descriptor().Name())
			received[name] = m
			binary, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			text, err := protojson.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			for suffix, content := range map[string][]byte{".pb": binary, ".json": text} {
				if err := os.WriteFile(filepath.Join(dir, name+suffix), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		largest := `{"a":[1` + strings.Repeat(",1", (8<<10-9)/2) + `]}`
		payloads := map[string]string{
			"objects": nestedJSON(deepest(t, user, false), false), "lists": nestedJSON(deepest(t, user, true), true), "largest": largest,
			"mixed": `{"a":null,"b":[true,"\u0000é\ud83d\ude00\ud800",[],{}],"":9007199254740993,"c":-1.7976931348623157e308,"d":5e-324}`,
		}
		var created []*jobsv1.Job
		for _, payload := range payloads {
			created = append(created, w.create(user, &jobsv1.CreateJobRequest{PayloadJson: payload}))
		}
		leased, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: 100})
		if receive("leased", leased, err); len(leased.GetJobs()) != len(created) {
			t.Fatalf("%d jobs were leased, want %d", len(leased.GetJobs()), len(created))
		}
		for i, l := range leased.GetJobs() {
			// The result of the first one does not fit into a snapshot.
			result := l.GetJob().GetPayloadJson()
			if i == 0 {
				result = `{"a":"` + strings.Repeat("x", 1<<20-8) + `"}`
			}
			if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken(),
				ResultJson: result}); err != nil {
				t.Fatal(err)
			}
		}
		for i, j := range created {
			got, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: j.GetJobId()})
			receive(fmt.Sprint("got", i), got, err)
			stream, err := user.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: j.GetJobId()})
			if err != nil {
				t.Fatal(err)
			}
			watched, err := stream.Recv()
			receive(fmt.Sprint("watched", i), watched, err)
		}
		listed, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{})
		receive("listed", listed, err)

		var objects, lists int
		if _, err := fmt.Sscan(java(t, "java", "-cp", classes, "ReadMessages", dir), &objects, &lists); err != nil {
			t.Fatal(err)
		}
		for name, want := range received {
			for suffix, read := range map[string]func([]byte, proto.Message) error{".pb.out": proto.Unmarshal, ".json.out": protojson.Unmarshal} {
				got := want.ProtoReflect().New().Interface()
				content, err := os.ReadFile(filepath.Join(dir, name+suffix))
				if err != nil {
					t.Fatal(err)
				}
				if err := read(content, got); err != nil || !proto.Equal(got, want) {
					t.Errorf("Java wrote another message to %s: %v", name+suffix, err)
				}
			}
		}
		t.Logf("Java reads %d levels of objects, and %d of lists", objects, lists)
		// Other messages can be around a job, for example an import.
		const around = 2
		if accepted := deepest(t, user, false); objects-around < accepted {
			t.Errorf("objects of %d levels are accepted, but Java reads %d", accepted, objects)
		}
		if accepted := deepest(t, user, true); lists-around < accepted {
			t.Errorf("lists of %d levels are accepted, but Java reads %d", accepted, lists)
		}
	})
}

// deepest returns the maximum number of levels of a payload.
func deepest(t *testing.T, user jobsv1.JobServiceClient, lists bool) (levels int) {
	t.Helper()
	for levels < 1000 {
		_, err := user.CreateJob(t.Context(), &jobsv1.CreateJobRequest{Kind: "deep", PayloadJson: nestedJSON(levels+1, lists)})
		if err != nil {
			break
		}
		levels++
	}
	return levels
}
