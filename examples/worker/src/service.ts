/** The worker's side of the proto: typed calls with a token and a deadline, and the meaning of their errors. */
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { AppendOutputRequest } from "./proto/headway/jobs/v1/AppendOutputRequest.js";
import type { AppendOutputResponse__Output } from "./proto/headway/jobs/v1/AppendOutputResponse.js";
import type { CompleteJobRequest } from "./proto/headway/jobs/v1/CompleteJobRequest.js";
import type { CompleteJobResponse__Output } from "./proto/headway/jobs/v1/CompleteJobResponse.js";
import type { FailJobRequest } from "./proto/headway/jobs/v1/FailJobRequest.js";
import type { FailJobResponse__Output } from "./proto/headway/jobs/v1/FailJobResponse.js";
import type { HeartbeatRequest } from "./proto/headway/jobs/v1/HeartbeatRequest.js";
import type { HeartbeatResponse__Output } from "./proto/headway/jobs/v1/HeartbeatResponse.js";
import type { LeaseJobsRequest } from "./proto/headway/jobs/v1/LeaseJobsRequest.js";
import type { LeaseJobsResponse__Output } from "./proto/headway/jobs/v1/LeaseJobsResponse.js";
import type { ReleaseJobRequest } from "./proto/headway/jobs/v1/ReleaseJobRequest.js";
import type { ReleaseJobResponse__Output } from "./proto/headway/jobs/v1/ReleaseJobResponse.js";
import type { WorkerServiceClient } from "./proto/headway/jobs/v1/WorkerService.js";
import type { ProtoGrpcType } from "./proto/worker_service.js";

export type { KindDescription } from "./proto/headway/jobs/v1/KindDescription.js";
export type { KindField } from "./proto/headway/jobs/v1/KindField.js";
export type { LeasedJob__Output as LeasedJob } from "./proto/headway/jobs/v1/LeasedJob.js";
export type { ProgressReport } from "./proto/headway/jobs/v1/ProgressReport.js";
export type { StepPlan } from "./proto/headway/jobs/v1/StepPlan.js";
export type { StepReport } from "./proto/headway/jobs/v1/StepReport.js";
export type { HeartbeatRequest, LeaseJobsRequest };

/** The address and credentials of the service. `headway serve --worker` sets the variables. */
export interface ServiceOptions {
  /** HEADWAY_JOBS_ADDRESS. */
  address: string;
  /** Returns the token of scope headway:worker. It is called before every call. */
  token: () => string;
  /** Use TLS, with the certificates of the operating system. */
  tls?: boolean;
}

/** Returns the token in HEADWAY_TOKEN_FILE, which is read again when the file changes, or the one in HEADWAY_TOKEN. */
export function tokenFromEnvironment(env: NodeJS.ProcessEnv): () => string {
  const file = env.HEADWAY_TOKEN_FILE;
  const fixed = env.HEADWAY_TOKEN;
  if (!file && !fixed) {
    throw new Error(
      "no token: set HEADWAY_TOKEN_FILE or HEADWAY_TOKEN. To create one, run: headway token --sub NAME --scope headway:worker",
    );
  }
  if (!file) return () => fixed ?? "";
  let token = "";
  let changed = 0;
  return () => {
    const { mtimeMs } = statSync(file);
    if (mtimeMs !== changed) {
      token = readFileSync(file, "utf8").trim();
      changed = mtimeMs;
    }
    return token;
  };
}

const root = new URL("../../../../", import.meta.url);
const folder = (path: string) => fileURLToPath(new URL(path, root));

/** The calls that this worker makes, with their requests and responses. */
interface Calls {
  leaseJobs: [LeaseJobsRequest, LeaseJobsResponse__Output];
  heartbeat: [HeartbeatRequest, HeartbeatResponse__Output];
  appendOutput: [AppendOutputRequest, AppendOutputResponse__Output];
  completeJob: [CompleteJobRequest, CompleteJobResponse__Output];
  failJob: [FailJobRequest, FailJobResponse__Output];
  releaseJob: [ReleaseJobRequest, ReleaseJobResponse__Output];
}

/** WorkerService, with one promise per call. */
export class Service {
  private readonly client: WorkerServiceClient;

  constructor(private readonly options: ServiceOptions) {
    const definition = loadSync("headway/jobs/v1/worker_service.proto", {
      includeDirs: [folder("proto"), folder("third_party/googleapis"), folder("third_party/protovalidate")],
      longs: Number,
      enums: String,
      defaults: true,
      oneofs: true,
    });
    const { headway } = loadPackageDefinition(definition) as unknown as ProtoGrpcType;
    this.client = new headway.jobs.v1.WorkerService(
      options.address,
      options.tls ? credentials.createSsl() : credentials.createInsecure(),
      {
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 1000,
        "grpc.keepalive_time_ms": 20_000, // a dead peer is detected within half a minute
        "grpc.keepalive_timeout_ms": 10_000,
      },
    );
  }

  /** Makes one call. It rejects with a ServiceError, at the latest after the timeout. The signal ends it early. */
  call<M extends keyof Calls>(
    method: M,
    request: Calls[M][0],
    timeoutMs = 5000,
    signal?: AbortSignal,
  ): Promise<Calls[M][1]> {
    return new Promise((resolve, reject) => {
      const metadata = new Metadata();
      metadata.set("authorization", `Bearer ${this.options.token()}`);
      const send = this.client[method].bind(this.client) as unknown as (
        request: Calls[M][0],
        metadata: Metadata,
        options: { deadline: number },
        callback: (error: ServiceError | null, answer: Calls[M][1]) => void,
      ) => ClientUnaryCall;
      const stop = () => sent.cancel();
      const sent = send(request, metadata, { deadline: Date.now() + timeoutMs }, (error, answer) => {
        signal?.removeEventListener("abort", stop);
        if (error) reject(error);
        else resolve(answer);
      });
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });
  }

  close(): void {
    this.client.close();
  }
}

const code = (error: unknown): number | undefined => (error as Partial<ServiceError>).code;

/** ABORTED, LEASE_LOST: another worker has the job. Stop immediately, and make no more calls for it. */
export const leaseLost = (error: unknown): boolean => code(error) === status.ABORTED;

/** INVALID_ARGUMENT: the request breaks a rule of the proto. Don't send it again. */
export const invalid = (error: unknown): boolean => code(error) === status.INVALID_ARGUMENT;

/** Retries won't succeed: the token lacks the scope, or the server is not Headway. */
export const refused = (error: unknown): boolean =>
  [status.PERMISSION_DENIED, status.INVALID_ARGUMENT, status.UNIMPLEMENTED].some((c) => c === code(error));

/** The same call can succeed later: no connection, a restart, or a token that is being renewed. */
export const passing = (error: unknown): boolean =>
  [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.INTERNAL, status.UNKNOWN, status.UNAUTHENTICATED].some(
    (c) => c === code(error),
  );
