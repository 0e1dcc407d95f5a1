// A worker over gRPC whose calls a test makes one at a time.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const grpcurl = fileURLToPath(new URL("../../bin/grpcurl", import.meta.url));
const run = promisify(execFile);

/** Works on jobs of a running server, one call at a time. */
export class Worker {
  /** @param {import("./headway.mjs").Headway} headway */
  constructor(headway, key = "") {
    this.headway = headway;
    this.token = headway.token("worker", key, "headway:worker");
  }

  /**
   * Calls a method of the worker's service.
   * @param {string} method
   * @param {object} request
   */
  async call(method, request) {
    const { stdout } = await run(grpcurl, [
      "-plaintext",
      "-H",
      `authorization: Bearer ${this.token}`,
      "-d",
      JSON.stringify(request),
      this.headway.addressOf("jobs"),
      `headway.jobs.v1.WorkerService/${method}`,
    ]);
    return JSON.parse(stdout);
  }

  /**
   * Takes the next job of a kind.
   * @param {string} kind
   */
  async lease(kind) {
    const { jobs } = await this.call("LeaseJobs", { kinds: [kind], leaseSeconds: 120 });
    const [{ job, leaseToken }] = jobs;
    return { jobId: job.jobId, leaseToken };
  }

  /**
   * Reports progress.
   * @param {{ jobId: string, leaseToken: string }} lease
   * @param {string} message
   */
  report(lease, message) {
    return this.call("Heartbeat", { ...lease, progress: { message } });
  }

  /**
   * Appends output at a byte offset.
   * @param {{ jobId: string, leaseToken: string }} lease
   * @param {number} offset
   * @param {string | Uint8Array} data
   */
  write(lease, offset, data) {
    return this.call("AppendOutput", { ...lease, offset, data: Buffer.from(data).toString("base64") });
  }

  /**
   * Ends a job with success.
   * @param {{ jobId: string, leaseToken: string }} lease
   * @param {object} result
   */
  complete(lease, result) {
    return this.call("CompleteJob", { ...lease, result });
  }
}
