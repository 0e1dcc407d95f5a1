// A proxy in front of a server that buffers, cuts, or delays the server's streams.
import { once } from "node:events";
import { createServer, request } from "node:http";

/** The time after which the proxy cuts a stream. */
const cutAfterMs = 1000;

/**
 * Starts a proxy that ends with the test. Its habit decides what happens to streams: `buffer` sends each stream only
 * when it has ended, `cut` ends each after a second, `hold` does not forward the request until `release` is called, and
 * `pass` forwards everything.
 * @param {import("node:test").TestContext} t
 * @param {string} target the server's address
 * @param {"buffer" | "cut" | "hold" | "pass"} habit
 */
export async function startProxy(t, target, habit) {
  let release = () => {};
  /** @type {Promise<void>} */
  const released = new Promise((resolve) => {
    release = resolve;
  });
  const server = createServer(async (incoming, outgoing) => {
    const { method, url = "", headers } = incoming;
    if (habit === "hold" && url.includes("/sse/")) await released;
    if (outgoing.destroyed) return;
    const onward = request(target + url, { method, headers }, (answer) => {
      const isStream = answer.headers["content-type"] === "text/event-stream";
      if (isStream && habit === "buffer") {
        /** @type {Buffer[]} */
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          outgoing.end(Buffer.concat(chunks));
        });
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
      if (isStream && habit === "cut") setTimeout(() => outgoing.destroy(), cutAfterMs);
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { address: `http://127.0.0.1:${port}`, release };
}
