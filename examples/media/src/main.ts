/** A worker that renders pictures: jobs of kind `media`. README.md explains how to write such a worker. */
import { hostname } from "node:os";
import { description, paint } from "./paint.js";
import { Service, tokenFromEnvironment } from "./service.js";
import { work } from "./worker.js";

const log = (event: string, fields: Record<string, unknown>) =>
  console.error(JSON.stringify({ time: new Date().toISOString(), worker: "media", event, ...fields }));

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());

try {
  const service = new Service({
    address: process.env.HEADWAY_JOBS_ADDRESS ?? "127.0.0.1:9091",
    token: tokenFromEnvironment(process.env),
    tls: process.env.HEADWAY_TLS === "true",
  });
  log("waiting for jobs", {});
  await work(service, {
    description,
    name: `media@${hostname()}:${process.pid}`,
    handler: paint,
    log,
    signal: stopping.signal,
  });
  service.close();
} catch (error) {
  log("ended", { error: String(error) });
  process.exitCode = 1;
}
