/** A worker: leases jobs, renews their leases while it runs them, and reports how they ended. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type HeartbeatRequest,
  invalid,
  type KindDescription,
  type LeasedJob,
  type LeaseJobsRequest,
  leaseLost,
  type ProgressReport,
  passing,
  refused,
  type Service,
  type StepPlan,
  type StepReport,
} from "./service.js";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Why the work on a job must stop: the reason of its signal. */
export type StopReason = "lease lost" | "cancelled" | "shutdown";

/** A failure with a message for users and a reason for programs. A permanent one is not retried. */
export class Failure extends Error {
  constructor(
    readonly reason: string,
    message: string,
    readonly permanent = false,
  ) {
    super(message);
  }
}

/**
 * Runs one job and returns its result: an object, or its JSON text, for numbers that JavaScript would round. It checks `job.signal`
 * often, and stops when that is aborted.
 */
export type Handler = (job: HeldJob) => Promise<JsonObject | string>;

/** Writes a log line. */
export type Log = (event: string, fields: Record<string, unknown>) => void;

const leaseWaitSeconds = 20;

/** Waits before the next attempt: longer each time, with jitter, so that workers don't retry together. */
class Backoff {
  private ms = 50;
  constructor(private readonly maxMs: number) {}

  async wait(signal?: AbortSignal): Promise<void> {
    const ms = this.ms * (0.5 + Math.random() / 2);
    this.ms = Math.min(this.ms * 2, this.maxMs);
    await sleep(ms, undefined, { signal }).catch(() => {});
  }
}

/** Waits for a time, or until it is woken. */
class Alarm {
  ring: () => void = () => {};

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Leases and runs jobs of one kind, one at a time, until the signal is aborted. It rejects if the service refuses it permanently. */
export async function work(
  service: Service,
  options: { description: KindDescription; name: string; handler: Handler; log: Log; signal: AbortSignal },
): Promise<void> {
  const { description, name, handler, log, signal } = options;
  let backoff = new Backoff(2000);
  let failing = false;
  while (!signal.aborted) {
    try {
      const request: LeaseJobsRequest = {
        kinds: [description.kind ?? ""],
        descriptions: [description],
        maxJobs: 1,
        waitSeconds: leaseWaitSeconds,
        worker: name,
      };
      const { jobs } = await service.call("leaseJobs", request, (leaseWaitSeconds + 10) * 1000, signal);
      if (failing) log("leasing jobs again", {});
      failing = false;
      backoff = new Backoff(2000);
      for (const leased of jobs) await new HeldJob(service, leased, log).run(handler, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (refused(error)) throw error;
      if (!failing) log("can't lease jobs, retrying", { error: String(error) });
      failing = true;
      await backoff.wait(signal);
    }
  }
}

/** Progress that the service might not have. */
interface News {
  plan?: StepPlan[] | undefined;
  message?: string | undefined;
  steps: Map<string, StepReport>;
  checkpoint?: Buffer | undefined;
}

const noNews = (): News => ({ steps: new Map() });

/** Both, with the later values. */
const merged = (earlier: News, later: News): News => {
  const steps = new Map(earlier.steps);
  for (const [name, step] of later.steps) steps.set(name, { ...steps.get(name), ...step });
  return {
    plan: later.plan ?? earlier.plan,
    message: later.message ?? earlier.message,
    checkpoint: later.checkpoint ?? earlier.checkpoint,
    steps,
  };
};

const progressOf = ({ message, steps }: News): ProgressReport | undefined =>
  message !== undefined || steps.size > 0 ? { message: message ?? "", steps: [...steps.values()] } : undefined;

/** A job that this worker runs, from its lease to its end. */
export class HeldJob {
  readonly jobId: string;
  readonly payload: JsonObject;
  /** The payload as the text that was sent, with its numbers exactly. */
  readonly payloadText: string;
  /** The bytes of output that earlier attempts have written. */
  readonly outputBytes: number;
  /** The checkpoint of an earlier attempt, or empty bytes. */
  readonly checkpoint: Buffer;
  private readonly stopping = new AbortController();
  /** Is aborted when the work must stop. Its reason is a StopReason. */
  readonly signal: AbortSignal = this.stopping.signal;

  private readonly lease: { jobId: string; leaseToken: string };
  private readonly leaseMs: number;
  private readonly heartbeatMs: number;
  private reportMs: number;
  /** When the lease ends, by performance.now(), which is monotonic. */
  private until: number;
  /** Progress that has not been sent yet. */
  private news = noNews();
  /** Progress in the heartbeat that waits for its answer. The service can be frozen. */
  private unanswered?: News | undefined;
  private saved?: Buffer;
  private readonly alarm = new Alarm();
  /** The handler has returned, so the call that ends the job sends the rest of the progress. */
  private ending = false;
  /** Is aborted when the job has ended, so that no heartbeat is waited for. */
  private readonly ended = new AbortController();

  constructor(
    private readonly service: Service,
    leased: LeasedJob,
    private readonly log: Log,
  ) {
    const { job } = leased;
    this.jobId = job?.jobId ?? "";
    this.payloadText = job?.payloadJson || "{}";
    this.payload = JSON.parse(this.payloadText);
    this.outputBytes = job?.outputBytes ?? 0;
    this.checkpoint = leased.checkpoint;
    this.lease = { jobId: this.jobId, leaseToken: leased.leaseToken };
    // Both times are the service's, so our clock may be wrong.
    this.leaseMs = millis(leased.leaseExpiresAt) - millis(job?.updatedAt ?? null);
    this.heartbeatMs = leased.heartbeatSeconds * 1000;
    this.reportMs = leased.reportSeconds * 1000;
    this.until = performance.now() + this.leaseMs;
  }

  /** Declares the steps, in order. Steps that keep their name keep their progress. */
  plan(steps: StepPlan[]): void {
    this.news.plan = steps;
    this.alarm.ring();
  }

  /** Reports the progress of a step: totals, not differences, so that only the latest values need to be sent. */
  report(message: string, ...steps: StepReport[]): void {
    this.news.message = message;
    for (const step of steps)
      this.news.steps.set(step.name ?? "", { ...this.news.steps.get(step.name ?? ""), ...step });
    this.alarm.ring();
  }

  /** Saves what a later attempt needs to continue from here, at most 64 KiB. */
  save(checkpoint: Buffer): void {
    this.news.checkpoint = checkpoint;
    this.saved = checkpoint;
    this.alarm.ring();
  }

  /** Writes output at an offset, and resolves when it is on disk. The same bytes can be written again. */
  async append(offset: number, data: Buffer): Promise<void> {
    const most = 256 * 1024;
    for (let at = 0; at < data.length; at += most) {
      const piece = data.subarray(at, at + most);
      await this.tell(() => this.service.call("appendOutput", { ...this.lease, offset: offset + at, data: piece }));
    }
  }

  /** Runs the handler, renews the lease in the meantime, and reports to the service how it ended. */
  async run(handler: Handler, shutdown: AbortSignal): Promise<void> {
    const stop = () => this.stopping.abort("shutdown" satisfies StopReason);
    if (shutdown.aborted) stop();
    else shutdown.addEventListener("abort", stop, { once: true });
    const beating = this.keepLease();
    let outcome: string;
    try {
      outcome = await this.attempt(handler);
    } catch (error) {
      outcome =
        leaseLost(error) || this.signal.reason === "lease lost"
          ? "lease lost"
          : `the service did not receive the result: ${error}`;
    }
    shutdown.removeEventListener("abort", stop);
    this.ended.abort();
    this.alarm.ring();
    await beating;
    this.log("job handled", { jobId: this.jobId, outcome });
  }

  private async attempt(handler: Handler): Promise<string> {
    let result: JsonObject | string;
    try {
      result = await handler(this);
    } catch (error) {
      return this.fail(error);
    }
    try {
      // As text: numbers stay exact, and a google.protobuf.Struct can have seven times the size.
      const resultJson = typeof result === "string" ? result : JSON.stringify(result);
      await this.end((progress) => this.service.call("completeJob", { ...this.lease, resultJson, ...progress }));
    } catch (error) {
      if (!invalid(error)) throw error;
      return this.fail(new Failure("WORKER_FAILED", `The result was rejected: ${error}`, true)); // as too large
    }
    return "completed";
  }

  /** Reports to the service why the handler has stopped. */
  private async fail(cause: unknown): Promise<string> {
    const { lease, service } = this;
    switch (this.signal.reason as StopReason | undefined) {
      case "lease lost":
        return "lease lost";
      case "shutdown": {
        const checkpoint = this.saved;
        await this.end(() => service.call("releaseJob", { ...lease, ...(checkpoint && { checkpoint }) }), true);
        return "released";
      }
      case "cancelled": {
        const error = { reason: "CANCELLED_BY_USER", message: "The job was cancelled." };
        await this.end((progress) => service.call("failJob", { ...lease, error, ...progress }));
        return "cancelled";
      }
    }
    if (leaseLost(cause)) return "lease lost";
    const failure = cause instanceof Failure ? cause : new Failure("WORKER_FAILED", String(cause));
    const error = { reason: failure.reason, message: failure.message.slice(0, 1000) };
    const { permanent } = failure;
    await this.end((progress) => service.call("failJob", { ...lease, error, permanent, ...progress }), !permanent);
    return `failed: ${failure.message}`;
  }

  /**
   * Repeats the call that ends the job. Its argument is the progress that the service might not have. The plan is declared before, and
   * if there is another attempt, the checkpoint is sent, together with the progress before it.
   */
  private async end(call: (progress: { progress?: ProgressReport }) => Promise<unknown>, again = false): Promise<void> {
    this.ending = true;
    this.news = merged(this.unanswered ?? noNews(), this.news);
    this.unanswered = undefined;
    const { plan, checkpoint } = this.news;
    const progress = progressOf(this.news);
    const first: HeartbeatRequest = {
      ...this.lease,
      ...(plan && { plan }),
      ...(again && checkpoint && { checkpoint, ...(progress && { progress }) }),
    };
    if (first.plan || first.checkpoint) {
      try {
        await this.tell(() => this.service.call("heartbeat", first));
      } catch (error) {
        if (leaseLost(error)) throw error;
        this.log("progress rejected", { jobId: this.jobId, error: String(error) });
      }
      this.news.plan = undefined;
    }
    if (!progress) {
      await this.tell(() => call({}));
      return;
    }
    try {
      await this.tell(() => call({ progress }));
    } catch (error) {
      if (!invalid(error)) throw error;
      await this.tell(() => call({})); // the end is more important than the progress
    }
  }

  /** Repeats a call until it gets a response, while the lease is valid. */
  private async tell<T>(call: () => Promise<T>): Promise<T> {
    const backoff = new Backoff(1000);
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (leaseLost(error)) this.stopping.abort("lease lost" satisfies StopReason);
        if (!passing(error) || performance.now() > this.until) throw error;
        await backoff.wait();
      }
    }
  }

  /** Sends heartbeats until the job has ended: as often as the lease requires, and more often while there is new progress. */
  private async keepLease(): Promise<void> {
    let last = performance.now();
    let backoff = new Backoff(1000);
    for (;;) {
      await this.waitForBeat(last);
      if (this.ended.signal.aborted) return;
      const asked = performance.now();
      try {
        await this.heartbeat();
        backoff = new Backoff(1000);
        last = asked;
      } catch (error) {
        // No response for a full lease: another worker might have the job.
        if (leaseLost(error) || performance.now() > this.until) {
          this.stopping.abort("lease lost" satisfies StopReason);
          return;
        }
        await backoff.wait();
        last = Number.NEGATIVE_INFINITY;
      }
    }
  }

  /** Waits until a heartbeat is due: soon after new progress, but not too often. */
  private async waitForBeat(last: number): Promise<void> {
    while (!this.ended.signal.aborted) {
      const { plan, checkpoint } = this.news;
      const news = !this.ending && (plan || progressOf(this.news) || checkpoint);
      const due = last + (news ? Math.min(this.reportMs, this.heartbeatMs) : this.heartbeatMs);
      if (due <= performance.now()) return;
      await this.alarm.wait(due - performance.now());
    }
  }

  /** Renews the lease, sends new progress, and checks whether to stop. */
  private async heartbeat(): Promise<void> {
    const request: HeartbeatRequest = { ...this.lease };
    const sent = this.ending ? noNews() : this.news;
    if (!this.ending) {
      this.news = noNews();
      this.unanswered = sent;
      const progress = progressOf(sent);
      if (sent.plan) request.plan = sent.plan;
      if (progress) request.progress = progress;
      if (sent.checkpoint) request.checkpoint = sent.checkpoint;
    }
    const asked = performance.now();
    try {
      const answer = await this.service.call("heartbeat", request, undefined, this.ended.signal);
      this.reportMs = answer.reportSeconds * 1000;
      if (answer.cancelRequested) this.stopping.abort("cancelled" satisfies StopReason);
    } catch (error) {
      if (!invalid(error)) {
        // Perhaps not received: the next heartbeat sends it, unless there are later values.
        if (this.unanswered === sent) this.news = merged(sent, this.news);
        throw error;
      }
      // Rejected progress must not fail the work.
      this.log("progress rejected", { jobId: this.jobId, error: String(error) });
    } finally {
      if (this.unanswered === sent) this.unanswered = undefined;
    }
    this.until = asked + this.leaseMs;
  }
}

const millis = (time: { seconds: number; nanos: number } | null): number =>
  time ? time.seconds * 1000 + time.nanos / 1e6 : 0;
