// A relay of TCP connections that can lose them in different ways.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** The response of a proxy that can't reach the server. */
const badGateway = "<html><body><h1>502 Bad Gateway</h1></body></html>";

export class Relay {
  /** @type {Map<import("node:net").Socket, { swallowed: boolean, upstream: import("node:net").Socket }>} */
  #clients = new Map();
  /** What happens to new connections. */
  #mode = /** @type {"pass" | "refuse" | "502"} */ ("pass");

  /**
   * Starts a relay to a port of this machine.
   * @param {number} target
   */
  static async start(target) {
    const relay = new Relay(target);
    relay.server.listen(0, "127.0.0.1");
    await once(relay.server, "listening");
    relay.port = /** @type {import("node:net").AddressInfo} */ (relay.server.address()).port;
    return relay;
  }

  /** @param {number} target */
  constructor(target) {
    this.port = 0;
    this.server = createServer({ noDelay: true }, (client) => this.#accept(client, target));
  }

  /**
   * @param {import("node:net").Socket} client
   * @param {number} target
   */
  #accept(client, target) {
    client.on("error", () => {});
    if (this.#mode === "refuse") {
      client.resetAndDestroy();
      return;
    }
    if (this.#mode === "502") {
      client.once("data", () => {
        const head = `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: ${badGateway.length}`;
        client.end(`${head}\r\nConnection: close\r\n\r\n${badGateway}`);
      });
      return;
    }
    const upstream = connect(target, "127.0.0.1");
    const state = { swallowed: false, upstream };
    this.#clients.set(client, state);
    upstream.on("error", () => {});
    client.on("data", (chunk) => state.swallowed || upstream.write(chunk));
    upstream.on("data", (chunk) => state.swallowed || client.write(chunk));
    client.on("close", () => {
      this.#clients.delete(client);
      upstream.destroy();
    });
    upstream.on("close", () => state.swallowed || client.destroy());
  }

  /**
   * Decides what happens to new connections.
   * @param {"pass" | "refuse" | "502"} mode
   */
  set(mode) {
    this.#mode = mode;
  }

  /** Swallows every further byte of the open connections, and keeps them open. */
  swallow() {
    for (const state of this.#clients.values()) state.swallowed = true;
  }

  /** Resets the open connections. */
  reset() {
    for (const client of this.#clients.keys()) client.resetAndDestroy();
  }

  stop() {
    this.server.close();
    this.reset();
  }
}
