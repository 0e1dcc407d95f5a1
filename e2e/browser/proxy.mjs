// A proxy in front of a server that does something to the server's streams.
import { once } from "node:events";
import { createServer, request } from "node:http";

/** How long a stream lasts that the proxy cuts off. */
const cutAfterMs = 1000;

/**
 * Starts a proxy that ends with the test. To streams it does one thing: `buffer` sends each only when it has ended, `cut`
 * breaks each off after a second, `hold` does not send the request for one until `release` is called, `pass` does nothing.
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
