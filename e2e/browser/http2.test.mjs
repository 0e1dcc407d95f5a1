// A proxy ends HTTP/2 connections in several ways: with GOAWAY when it reloads, with a reset of one stream, or without
// any frame.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { constants, createSecureServer } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { newContext, waitForStatus } from "./chromium.mjs";
import { keyFile } from "./headway.mjs";
import { newCertificate } from "./matrix/paths.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const key = "a key of this test alone, which is long enough";

setUp(() => [keyFile(key)]);

/**
 * Starts a proxy that speaks HTTP/2, and ends with the test.
 * @param {import("node:test").TestContext} t
 */
async function startProxy(t) {
  const folder = mkdtempSync(join(tmpdir(), "headway-http2-"));
  newCertificate(folder);
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(join(folder, name)));
  /** @type {Set<import("node:http2").ServerHttp2Session>} */
  const sessions = new Set();
  /** @type {Set<import("node:http2").ServerHttp2Stream>} */
  const events = new Set();
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (incoming, outgoing) => {
    const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !name.startsWith(":")));
    const own = {
      host: incoming.authority || incoming.headers.host,
      "x-forwarded-proto": "https",
      "x-forwarded-for": "127.0.0.1",
    };
    const options = { method: incoming.method, headers: { ...headers, ...own } };
    const onward = request(headway.address + incoming.url, options, (answer) => {
      const { connection: _c, "keep-alive": _k, "transfer-encoding": _t, ...rest } = answer.headers;
      if (outgoing.stream && rest["content-type"]?.startsWith("text/event-stream")) events.add(outgoing.stream);
      outgoing.writeHead(answer.statusCode ?? 502, rest);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.stream?.destroy());
    outgoing.on("close", () => {
      events.delete(outgoing.stream);
      onward.destroy();
    });
    incoming.pipe(onward);
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { address: `https://127.0.0.1:${port}`, sessions, events };
}

/** @typedef {Awaited<ReturnType<typeof startProxy>>} Proxy */

/** @type {Record<string, (proxy: Proxy) => void>} */
const ends = {
  "a GOAWAY after which open streams continue": ({ sessions }) => {
    for (const session of sessions) session.goaway(constants.NGHTTP2_NO_ERROR);
  },
  "a GOAWAY and the end of all streams": ({ sessions, events }) => {
    for (const session of sessions) session.goaway(constants.NGHTTP2_NO_ERROR);
    for (const stream of events) stream.end();
  },
  "a GOAWAY that refuses all streams": ({ sessions }) => {
    for (const session of sessions) session.goaway(constants.NGHTTP2_NO_ERROR, 0);
  },
  "a reset of the stream": ({ events }) => {
    for (const stream of events) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  },
  "a refusal of the stream": ({ events }) => {
    for (const stream of events) stream.close(constants.NGHTTP2_REFUSED_STREAM);
  },
  "a closed connection": ({ sessions }) => {
    for (const session of sessions) session.destroy();
  },
};

for (const [what, end] of Object.entries(ends)) {
  test(`the page shows the end of a job after ${what}`, async (t) => {
    const proxy = await startProxy(t);
    const token = headway.token("ann", key);
    const { job } = await headway.call(token, "POST", "jobs", { kind: "story", title: "The end" });
    const context = await newContext(browser, { ignoreHTTPSErrors: true });
    const headers = { Authorization: `Bearer ${token}`, Origin: proxy.address };
    const answer = await context.request.post(`${proxy.address}/api/v1/session`, { headers });
    assert.equal(answer.status(), 200, await answer.text());
    const page = await context.newPage();
    await page.goto(`${proxy.address}/jobs/story/${job.jobId}`);
    await waitForStatus(page, "queued");
    assert.ok(proxy.events.size > 0, "its streams go over HTTP/2");
    end(proxy);
    await headway.call(token, "POST", `jobs/${job.jobId}:cancel`, {});
    await waitForStatus(page, "cancelled");
  });
}
