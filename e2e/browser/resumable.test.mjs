// The reference client of tus uploads a workbook over a connection that breaks several times.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Upload } from "tus-js-client";
import { Headway } from "./headway.mjs";

/** @type {Headway} */
let headway;
before(async () => {
  headway = await Headway.start();
});
after(async () => {
  await headway?.stop();
});

/**
 * Forwards connections, and cuts the first ones after a number of bytes from the client.
 * @param {string} address
 * @param {number} cuts
 * @param {number} bytes
 */
async function breakingProxy(address, cuts, bytes) {
  const proxy = { cuts: 0, address: "", close: () => {} };
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(address).port), "127.0.0.1");
    const sent = { bytes: 0 };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => {});
    }
    client.on("data", (/** @type {Buffer} */ chunk) => {
      sent.bytes += chunk.length;
      if (proxy.cuts < cuts && sent.bytes > bytes) {
        proxy.cuts++;
        client.destroy();
        upstream.destroy();
        return;
      }
      if (!upstream.write(chunk)) client.pause();
    });
    upstream.on("drain", () => client.resume());
    client.on("end", () => upstream.end());
    upstream.pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy.address = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;
  proxy.close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return proxy;
}

test("three lost connections send no byte twice, and create one import", async () => {
  const workbook = headway.sample(60_000, 0);
  const size = statSync(workbook).size;
  const proxy = await breakingProxy(headway.address, 3, Math.floor(size / 5));
  const authorization = `Bearer ${headway.token("ann")}`;
  /** @type {number[]} */
  const begins = [];
  /** @type {string} */
  const url = await new Promise((resolve, reject) => {
    const upload = new Upload(createReadStream(workbook), {
      endpoint: `${proxy.address}/api/v1/uploads`,
      chunkSize: size,
      uploadSize: size,
      headers: { Authorization: authorization },
      metadata: { filename: "Löhne.xlsx", on_issues: "abort" },
      retryDelays: [0, 50, 100, 200, 400],
      onBeforeRequest: (request) => {
        const offset = request.getMethod() === "PATCH" && request.getHeader("Upload-Offset");
        if (offset) begins.push(Number(offset));
      },
      onError: reject,
      onSuccess: () => resolve(/** @type {string} */ (upload.url)),
    });
    upload.start();
  });
  assert.equal(proxy.cuts, 3);
  assert.equal(begins.length, 4, `parts began at ${begins}`);
  assert.ok(
    begins.every((offset, i) => i === 0 || offset > begins[i - 1]),
    `parts began at ${begins}: not all continued`,
  );

  const make = () =>
    fetch(`${headway.address}/api/v1/imports?upload_id=${url.split("/").at(-1)}`, {
      method: "POST",
      headers: { Authorization: authorization },
    });
  const [first, second] = await Promise.all([make(), make()]);
  const answers = [await first.json(), await second.json()];
  assert.deepEqual([first.status, second.status], [202, 202], JSON.stringify(answers));
  assert.equal(answers[0].import.importId, answers[1].import.importId);
  assert.equal(answers[0].import.fileName, "Löhne.xlsx");
  assert.equal(answers[0].import.sizeBytes, size);
  const list = await fetch(`${headway.address}/api/v1/imports`, { headers: { Authorization: authorization } });
  assert.equal((await list.json()).imports.length, 1);
  const bytes = readdirSync(join(headway.data, "uploads")).filter((name) => name.endsWith(".part"));
  assert.deepEqual(bytes, []);
  proxy.close();
});

test("eight files arrive at the same time, each in three parallel parts", async () => {
  const workbook = headway.sample(1000, 0);
  const bytes = readFileSync(workbook);
  const authorization = `Bearer ${headway.token("bea")}`;
  const upload = () =>
    new Promise((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: `${headway.address}/api/v1/uploads`,
        parallelUploads: 3,
        headers: { Authorization: authorization },
        // Uppy adds keys like these to the metadata.
        metadata: { filename: "staff.xlsx", relativePath: "null", name: "staff.xlsx", type: "", caption: "Our own" },
        onError: reject,
        onSuccess: () => resolve(upload.url),
      });
      upload.start();
    });
  const urls = await Promise.all(Array.from({ length: 8 }, upload));
  assert.equal(new Set(urls).size, 8);
  const response = await fetch(`${headway.address}/api/v1/imports?upload_id=${urls[7].split("/").at(-1)}`, {
    method: "POST",
    headers: { Authorization: authorization },
  });
  const answer = await response.json();
  assert.equal(response.status, 202, JSON.stringify(answer));
  assert.equal(answer.import.sizeBytes, bytes.length);
});

test("an aborted upload is deleted", async () => {
  const workbook = headway.sample(1000, 0);
  const upload = new Upload(createReadStream(workbook), {
    endpoint: `${headway.address}/api/v1/uploads`,
    chunkSize: 1000,
    uploadSize: statSync(workbook).size,
    headers: { Authorization: `Bearer ${headway.token("bob")}` },
    uploadDataDuringCreation: true,
    retryDelays: null,
  });
  /** @type {Promise<void>} */
  const begun = new Promise((resolve, reject) => {
    upload.options.onChunkComplete = () => resolve();
    upload.options.onError = reject;
  });
  upload.start();
  await begun;
  await upload.abort(true);
  const response = await fetch(/** @type {string} */ (upload.url), {
    method: "HEAD",
    headers: { Authorization: `Bearer ${headway.token("bob")}`, "Tus-Resumable": "1.0.0" },
  });
  assert.equal(response.status, 404);
});
