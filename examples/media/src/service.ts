/** The worker's side of Headway's proto: typed calls with a token and a deadline, and what their errors mean. */
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

export type { LeasedJob__Output as LeasedJob } from "./proto/headway/jobs/v1/LeasedJob.js";
export type { StepPlan } from "./proto/headway/jobs/v1/StepPlan.js";
export type { StepReport } from "./proto/headway/jobs/v1/StepReport.js";
export type { HeartbeatRequest };

/** Where the service answers, and what lets a worker in. `headway serve --worker` sets the variables. */
export interface ServiceOptions {
  /** HEADWAY_JOBS_ADDRESS. */
  address: string;
  /** Gives the token of scope headway:worker; asked before every call. */
  token: () => string;
  /** Call over TLS, with the system's certificates. */
  tls?: boolean;
}

/** The token in HEADWAY_TOKEN_FILE, read anew when the file has changed, or the one in HEADWAY_TOKEN. */
export function tokenFromEnvironment(env: NodeJS.ProcessEnv): () => string {
  const file = env.HEADWAY_TOKEN_FILE;
  const fixed = env.HEADWAY_TOKEN;
  if (!file && !fixed) {
    throw new Error(
      "no token: set HEADWAY_TOKEN_FILE or HEADWAY_TOKEN (headway token --sub media --scope headway:worker)",
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

/** The calls that this worker makes: what each takes and gives. */
interface Calls {
  leaseJobs: [LeaseJobsRequest, LeaseJobsResponse__Output];
  heartbeat: [HeartbeatRequest, HeartbeatResponse__Output];
  appendOutput: [AppendOutputRequest, AppendOutputResponse__Output];
  completeJob: [CompleteJobRequest, CompleteJobResponse__Output];
  failJob: [FailJobRequest, FailJobResponse__Output];
  releaseJob: [ReleaseJobRequest, ReleaseJobResponse__Output];
}

/** WorkerService, one promise a call. */
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
        "grpc.keepalive_time_ms": 20_000, // a peer that is gone without a word is noticed within half a minute
        "grpc.keepalive_timeout_ms": 10_000,
      },
    );
  }

  /** Makes one call. It rejects with a ServiceError, at the latest when the time is over; the signal ends it early. */
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

/** ABORTED, LEASE_LOST: the job is somebody else's. Stop at once, and say nothing more about it. */
export const leaseLost = (error: unknown): boolean => code(error) === status.ABORTED;

/** INVALID_ARGUMENT: what was sent breaks a rule of the proto. Sending it again is in vain. */
export const invalid = (error: unknown): boolean => code(error) === status.INVALID_ARGUMENT;

/** Asking again is in vain: the token lacks the scope, or this is no Headway. */
export const refused = (error: unknown): boolean =>
  [status.PERMISSION_DENIED, status.INVALID_ARGUMENT, status.UNIMPLEMENTED].some((c) => c === code(error));

/** The same call may succeed a little later: no connection, a restart, a token that is about to be renewed. */
export const passing = (error: unknown): boolean =>
  [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.INTERNAL, status.UNKNOWN, status.UNAUTHENTICATED].some(
    (c) => c === code(error),
  );
