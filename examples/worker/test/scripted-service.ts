/** A WorkerService from the same proto, whose responses are scripted by the test. */

import { fileURLToPath } from "node:url";
import { loadPackageDefinition, Server, ServerCredentials, type ServiceError, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { Service } from "../src/service.js";
import type { JsonObject, Log } from "../src/worker.js";

const folder = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: tests read requests field by field
export type Sent = Record<string, any>;

/** Returns an error like those of the service. */
export const refusal = (code: number): Partial<ServiceError> => ({ code, details: status[code] ?? "" });

export class ScriptedService {
  /** Every call, in order: its method and its request. */
  readonly calls: { method: string; request: Sent; token: string }[] = [];
  /** Decides the response; undefined for that of a healthy service. An error is thrown. */
  answer: (method: string, request: Sent) => Sent | undefined = () => undefined;
  /** Reports whether a call gets no answer. */
  unanswered: (method: string) => boolean = () => false;
  readonly output: Buffer[] = [];
  readonly lines: string[] = [];
  readonly log: Log = (event, fields) => this.lines.push(`${event} ${JSON.stringify(fields)}`);
  service!: Service;
  private readonly server = new Server();
  private readonly watchers = new Set<() => void>();
  private queue: Sent[] = [];

  /** Starts it with jobs, one lease each. */
  static async start(
    ...jobs: { payload?: JsonObject | string; checkpoint?: Buffer; outputBytes?: number; leaseSeconds?: number }[]
  ): Promise<ScriptedService> {
    const it = new ScriptedService();
    it.queue = jobs.map(({ payload = {}, checkpoint = Buffer.alloc(0), outputBytes = 0, leaseSeconds = 10 }, i) => ({
      job: {
        jobId: `job-${i}`,
        kind: "media",
        payloadJson: typeof payload === "string" ? payload : JSON.stringify(payload),
        outputBytes,
        updatedAt: { seconds: 1000, nanos: 0 },
      },
      leaseToken: `lease-${i}`,
      leaseExpiresAt: { seconds: 1000 + Math.floor(leaseSeconds), nanos: (leaseSeconds % 1) * 1e9 },
      checkpoint,
      heartbeatSeconds: 0.05,
      reportSeconds: 0.01,
    }));
    const definition = loadSync("headway/jobs/v1/worker_service.proto", {
      includeDirs: [folder("proto"), folder("third_party/googleapis"), folder("third_party/protovalidate")],
      longs: Number,
      enums: String,
      defaults: true,
      oneofs: true,
    });
    // biome-ignore lint/suspicious/noExplicitAny: loaded at run time
    const { headway } = loadPackageDefinition(definition) as any;
    const handlers = Object.fromEntries(
      ["leaseJobs", "heartbeat", "appendOutput", "completeJob", "failJob", "releaseJob"].map((method) => [
        method,
        // biome-ignore lint/suspicious/noExplicitAny: as the library calls it
        (call: any, reply: (error: Partial<ServiceError> | null, answer?: Sent) => void) => {
          const token = String(call.metadata.get("authorization")[0] ?? "");
          it.calls.push({ method, request: call.request, token });
          if (it.unanswered(method)) return;
          try {
            reply(null, it.answer(method, call.request) ?? it.healthy(method, call.request));
          } catch (error) {
            reply(error as Partial<ServiceError>);
          }
          for (const look of it.watchers) look();
        },
      ]),
    );
    it.server.addService(headway.jobs.v1.WorkerService.service, handlers);
    const port = await new Promise<number>((resolve, reject) =>
      it.server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    it.service = new Service({ address: `127.0.0.1:${port}`, token: () => "a token" });
    return it;
  }

  private healthy(method: string, request: Sent): Sent {
    if (method === "leaseJobs") return { jobs: this.queue.splice(0, 1) };
    if (method === "heartbeat") return { reportSeconds: 0.01 };
    if (method === "appendOutput") this.output.push(request.data);
    return {};
  }

  /** The requests of a method so far. */
  of(method: string): Sent[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.request);
  }

  /** Resolves when the condition is true. It is checked after every call. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.watchers.delete(look);
        resolve();
      };
      this.watchers.add(look);
      look();
    });
  }

  stop(): void {
    this.service.close();
    this.server.forceShutdown();
  }
}
