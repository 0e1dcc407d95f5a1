/** Runs a worker as a program. */
import { hostname } from "node:os";
import { type KindDescription, Service, tokenFromEnvironment } from "./service.js";
import { type Handler, work } from "./worker.js";

/**
 * Runs the jobs of one kind until SIGINT or SIGTERM, and logs to standard error. The environment has the address and the
 * token of the service, as `headway serve --worker` sets it.
 */
export async function main(description: KindDescription, handler: Handler): Promise<void> {
  const kind = description.kind ?? "";
  const log = (event: string, fields: Record<string, unknown>) =>
    console.error(JSON.stringify({ time: new Date().toISOString(), worker: kind, event, ...fields }));
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
  try {
    const service = new Service({
      address: process.env.HEADWAY_JOBS_ADDRESS ?? "127.0.0.1:9091",
      token: tokenFromEnvironment(process.env),
      tls: process.env.HEADWAY_TLS === "true",
    });
    log("waiting for jobs", {});
    const name = `${kind}@${hostname()}:${process.pid}`;
    await work(service, { description, name, handler, log, signal: stopping.signal });
    service.close();
  } catch (error) {
    log("ended", { error: String(error) });
    process.exitCode = 1;
  }
}
