// The protocol of streams, read by real clients from the real program.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./chromium.mjs";
import { Headway } from "./headway.mjs";
import { byBrowser, byCurl, byPackage, byParser } from "./readers.mjs";
import { Worker } from "./worker.mjs";

/** The revision in an event's ID, which ends with a tag of the job. */
const revisionOf = (/** @type {string} */ id) => id.replace(/x[0-9a-z]{5}$/, "");

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/**
 * A server with its local user signed in, a worker, and a page of the server.
 * @param {import("node:test").TestContext} t
 * @param {string[]} flags
 */
async function setup(t, ...flags) {
  const headway = await Headway.start(...flags);
  const context = await browser.newContext();
  const page = await context.newPage();
  // An empty page of the server's origin, because the real one has streams.
  await page.route("**/empty", (route) => route.fulfill({ contentType: "text/html", body: "<title>empty</title>" }));
  await page.goto(`${headway.address}/empty`);
  t.after(async () => {
    await context.close();
    await headway.stop();
  });
  await headway.signIn(context);
  const token = headway.token("local");
  const address = headway.address;

  const create = async (kind = "story") => {
    const response = await fetch(`${address}/api/v1/jobs`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ kind, title: "A tale of two sheets" }),
    });
    const { job } = await response.json();
    return { job, path: `/api/v1/sse/jobs/${kind}/${job.jobId}` };
  };
  const get = (/** @type {string} */ path, /** @type {Record<string, string>} */ headers = {}) =>
    fetch(address + path, { headers: { Authorization: `Bearer ${token}`, ...headers } });
  return { headway, worker: new Worker(headway), page, token, address, create, get };
}

describe("every client of streams", { concurrency: 3 }, () => {
  test("receives all messages of a job, and stops after the last one", async (t) => {
    const { worker, page, token, address, create, get } = await setup(t);
    const { job, path } = await create();
    const request = { address, path, token };
    const { inbox: parsed } = await byParser(request);
    const all = [await byBrowser(page, path), byPackage(request), parsed, byCurl(request)];

    for (const inbox of all) {
      const connected = await inbox.next("connected");
      assert.equal(connected.data.jobId, job.jobId);
      assert.equal(connected.data.keepaliveSeconds, 15);
      assert.equal(connected.id, "", "connected does not move where a reconnect resumes");
      const { id, data } = await inbox.next("initial_status");
      assert.deepEqual(
        [data.status, data.progress, data.kind, revisionOf(id)],
        ["queued", 0, "story", `${data.revision}`],
      );
    }

    const lease = await worker.lease("story");
    for (const inbox of all) assert.equal((await inbox.next("job_update")).data.status, "active");
    await worker.report(lease, "Once upon a time");
    for (const inbox of all) {
      const { id, data } = await inbox.next("job_update");
      assert.deepEqual([data.message, revisionOf(id)], ["Once upon a time", `${data.revision}`]);
      assert.ok(data.startedAt && data.timestamp);
    }
    await worker.complete(lease, { displayId: "T-7" });
    let last = "";
    for (const inbox of all) {
      const { id, data } = await inbox.next("job_update");
      assert.deepEqual([data.status, data.progress, data.result], ["completed", 100, { displayId: "T-7" }]);
      assert.ok(data.completedAt);
      last = id;
    }
    // An EventSource reconnects with the last ID, gets 204, and stops permanently. The others have reached the end.
    for (const inbox of all) await inbox.ends();
    assert.equal((await get(path, { "Last-Event-ID": last })).status, 204);
    // A reader that has not received the end gets it, from any event on.
    const late = byCurl({ ...request, lastEventId: "1" });
    await late.next("connected");
    assert.equal((await late.next("initial_status")).data.status, "completed");
    await late.ends();
  });

  test("receives headers against buffering, jittered waits, and keepalive comments", async (t) => {
    const { token, address, create } = await setup(t, "--keepalive=2s");
    const { path } = await create();
    const request = { address, path, token };
    const retries = new Set();
    for (let n = 0; n < 5; n++) {
      const { inbox, response } = await byParser(request);
      assert.equal(response.headers.get("Content-Type"), "text/event-stream");
      assert.equal(response.headers.get("Cache-Control"), "no-cache, no-transform");
      assert.equal(response.headers.get("X-Accel-Buffering"), "no");
      assert.equal(response.headers.get("Content-Encoding"), null);
      assert.equal((await inbox.next("connected")).data.keepaliveSeconds, 2);
      const [retry = 0] = inbox.retries;
      assert.ok(retry >= 1500 && retry <= 4500, `retry ${retry} is not 3 s, jittered by half`);
      retries.add(retry);
      if (n === 4) await inbox.until("a comment", () => inbox.comments > 1);
      inbox.close();
    }
    assert.ok(retries.size > 1, "every client gets the same wait");
    const curl = byCurl(request);
    await curl.until("a comment", () => curl.comments > 0);
    curl.close();
  });

  test("is notified before its token ends, and continues with a fresh one", async (t) => {
    const { headway, worker, address, create } = await setup(t);
    const { path } = await create();
    const request = { address, path, token: headway.token("local", "", "", "6s") };
    const { inbox } = await byParser(request);
    const seen = await inbox.next("connected").then(() => inbox.next("initial_status"));
    await inbox.next("reauth");
    await inbox.ends();

    await worker.lease("story");
    const again = byCurl({ ...request, token: headway.token("local"), lastEventId: seen.id });
    await again.next("connected");
    assert.equal((await again.next("initial_status")).data.status, "active");
    again.close();
  });

  test("survives a shutdown and a restart", async (t) => {
    const { headway, page, token, address, create } = await setup(t);
    const { path } = await create();
    const request = { address, path, token };
    const { inbox: parsed } = await byParser(request);
    const curl = byCurl(request);
    const sources = [await byBrowser(page, path), byPackage(request)];
    for (const inbox of [...sources, parsed, curl]) {
      await inbox.next("connected");
      await inbox.next("initial_status");
    }
    await headway.end();
    const restarted = headway.run();
    for (const inbox of [parsed, curl]) {
      await inbox.next("draining");
      await inbox.ends();
      assert.equal(inbox.retries.length, 2, "the message about draining has a time to reconnect");
    }
    await restarted;
    for (const inbox of sources) {
      await inbox.next("draining");
      await inbox.next("connected");
      assert.equal((await inbox.next("initial_status")).data.status, "queued");
      inbox.close();
    }
  });

  test("is notified when a later stream of the same user replaces it", async (t) => {
    const { page, token, address, create } = await setup(t, "--streams-per-user=2");
    const { path } = await create();
    const request = { address, path, token };
    const oldest = await byBrowser(page, path);
    await oldest.next("connected");
    await oldest.next("initial_status");
    const { inbox: second } = await byParser(request);
    await second.next("connected");
    await second.next("initial_status");
    const third = byCurl(request);
    await third.next("connected");
    const told = await oldest.next("limit");
    assert.equal(told.data.reason, "STREAM_LIMIT");
    const fourth = byPackage(request);
    await fourth.next("connected");
    await second.next("limit");
    await second.ends();
    assert.ok((second.retries.at(-1) ?? 0) >= 60_000, "it would reconnect immediately and replace the next one");
    assert.deepEqual(oldest.messages, []);
    for (const inbox of [oldest, third, fourth]) inbox.close();
  });

  test("gets a reason when the server has too many streams, and open streams continue", async (t) => {
    const { worker, page, token, address, create, get } = await setup(t, "--max-streams=1");
    const { path } = await create();
    const old = byCurl({ address, path, token });
    await old.next("connected");
    await old.next("initial_status");

    const source = await byBrowser(page, path);
    assert.equal((await source.next("limit")).data.reason, "STREAM_LIMIT");
    source.close();
    const { inbox, response } = await byParser({ address, path, token });
    assert.equal(response.status, 200);
    await inbox.next("limit");
    assert.ok((inbox.retries.at(-1) ?? 0) >= 60_000);
    const refused = await get(path, { Accept: "*/*" });
    assert.deepEqual([refused.status, (await refused.json()).reason], [429, "STREAM_LIMIT"]);

    await worker.lease("story");
    assert.equal((await old.next("job_update")).data.status, "active");
    old.close();
  });

  test("reads output from the last byte after the server was killed", async (t) => {
    const { headway, worker, page, token, address, create, get } = await setup(t);
    const { path } = await create();
    const request = { address, path: `${path}/output`, token };
    const lease = await worker.lease("story");
    await worker.write(lease, 0, "Es war einmal ein Mädchen"); // 26 bytes
    const source = byPackage(request);
    const curl = byCurl(request);
    const inPage = await byBrowser(page, request.path);
    for (const inbox of [source, curl, inPage]) {
      await inbox.next("connected");
      const { id, data } = await inbox.next("output");
      assert.deepEqual([id, data.offset, data.text], ["26", 0, "Es war einmal ein Mädchen"]);
    }
    curl.close();
    await headway.kill();
    await headway.run();
    await worker.write(lease, 26, ", das ging.");
    for (const inbox of [source, inPage]) {
      await inbox.next("connected");
      const { id, data } = await inbox.next("output");
      assert.deepEqual([id, data.offset, data.text], ["37", 26, ", das ging."]);
    }
    await worker.complete(lease, {});
    for (const inbox of [source, inPage]) {
      const { id, data } = await inbox.next("job_update");
      assert.deepEqual([id, data.status], ["37", "completed"]);
      await inbox.ends();
    }
    const resumed = byCurl({ ...request, lastEventId: "26" });
    await resumed.next("connected");
    assert.equal((await resumed.next("output")).data.text, ", das ging.");
    await resumed.next("job_update");
    await resumed.ends();
    assert.equal((await get(request.path, { "Last-Event-ID": "37" })).status, 204);
  });
});
