// Starts the real program on free ports, with a new data directory.
import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL("../../bin/headway", import.meta.url));

/**
 * Returns a free port for another program. It is below the ports that the system gives to connections, and no other test
 * gets it while this process runs: the UDP port 10,000 above it belongs to this process.
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(12000, 22000);
    const reservation = createSocket("udp4").unref();
    const server = createServer();
    try {
      reservation.bind({ port: port + 10000, address: "127.0.0.1", exclusive: true });
      await once(reservation, "listening");
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    } catch {
      continue; // taken
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/**
 * Returns the flag that sets a key.
 * @param {string} key
 */
export function keyFile(key) {
  const file = join(mkdtempSync(join(tmpdir(), "headway-key-")), "key");
  writeFileSync(file, key, { mode: 0o600 });
  return `--key-file=${file}`;
}

/** A running `headway serve`. */
export class Headway {
  /**
   * The servers by address.
   * @type {Map<string, Headway>}
   */
  static #servers = new Map();

  /**
   * Returns the server that answers at an address.
   * @param {string} address
   */
  static at(address) {
    return Headway.#servers.get(new URL(address).origin);
  }

  /** @param {string[]} flags */
  static async start(...flags) {
    const data = mkdtempSync(join(tmpdir(), "headway-browser-"));
    const headway = new Headway(data, await freePort(), await freePort(), flags);
    await headway.run();
    return headway;
  }

  /**
   * @param {string} data
   * @param {number} port
   * @param {number} metricsPort
   * @param {string[]} flags
   */
  constructor(data, port, metricsPort, flags) {
    this.data = data;
    this.address = `http://127.0.0.1:${port}`;
    this.metrics = `http://127.0.0.1:${metricsPort}/metrics`;
    this.flags = flags;
    this.log = "";
    Headway.#servers.set(this.address, this);
  }

  /** Starts the program, or restarts it, and waits until it is ready. */
  async run() {
    const elsewhere = ["--jobs-listen=127.0.0.1:0", "--importer-listen=127.0.0.1:0"];
    elsewhere.push(`--metrics-listen=${new URL(this.metrics).host}`);
    const listen = `--listen=${this.address.slice("http://".length)}`;
    this.process = spawn(binary, ["serve", `--data=${this.data}`, listen, ...elsewhere, ...this.flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const collect = (/** @type {Buffer} */ chunk) => {
      this.log += chunk.toString();
    };
    this.process.stdout.on("data", collect);
    this.process.stderr.on("data", collect);
    for (;;) {
      if (this.process.exitCode !== null) throw new Error(`headway exited immediately:\n${this.log}`);
      const ready = await fetch(`${this.address}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Whether users of this machine sign in with a link. */
  get hasLocalSignIn() {
    return !this.flags.some((flag) => /^--(key|oidc-issuer)/.test(flag));
  }

  /** Returns the sign-in link that the program printed when it started. */
  printedLink() {
    const link = /^Open (\S+)/m.exec(this.log)?.[1];
    if (!link) throw new Error(`the program printed no link:\n${this.log}`);
    return link;
  }

  /** Returns a new sign-in link. */
  link() {
    return execFileSync(binary, ["open", `--data=${this.data}`, `--url=${this.address}`])
      .toString()
      .trim();
  }

  /**
   * Signs the local user in, in all pages of a browser context.
   * @param {import("playwright-core").BrowserContext} context
   */
  async signIn(context) {
    const secret = new URL(this.link()).hash.replace("#sign-in=", "");
    const response = await context.request.post(`${this.address}/api/v1/session`, {
      headers: { Origin: this.address },
      data: { secret },
    });
    if (!response.ok()) throw new Error(`sign in: ${response.status()} ${await response.text()}`);
  }

  /** Kills the program as a power failure would. */
  async kill() {
    const { process } = this;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, "exit");
    process.kill("SIGKILL");
    await ended;
  }

  /** Stops the program with a signal, as an operator does, and waits for it. */
  async end() {
    const { process } = this;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, "exit");
    process.kill("SIGINT");
    await ended;
  }

  /** Ends the program and removes its data. */
  async stop() {
    await this.end();
    rmSync(this.data, { recursive: true, force: true });
  }

  /**
   * Writes a sample workbook, and returns its path.
   * @param {number} rows
   * @param {number} issues
   */
  sample(rows, issues) {
    const path = join(this.data, `workforce-${rows}-${issues}.xlsx`);
    execFileSync(binary, ["sample", `--rows=${rows}`, `--issues=${issues}`, "-o", path]);
    return path;
  }

  /** Returns the number of open streams. */
  async streams() {
    const text = await (await fetch(this.metrics)).text();
    return Number(/^headway_edge_streams (\S+)$/m.exec(text)?.[1]);
  }

  /**
   * Calls the REST API as a user, and returns the response.
   * @param {string} token
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async call(token, method, path, body) {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await fetch(`${this.address}/api/v1/${path}`, init);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /**
   * Signs a token with the server's key.
   * @param {string} subject
   */
  token(subject, key = "", scope = "", ttl = "1h") {
    const flags = [key ? keyFile(key) : `--data=${this.data}`, `--ttl=${ttl}`];
    if (scope) flags.push(`--scope=${scope}`);
    return execFileSync(binary, ["token", `--sub=${subject}`, ...flags])
      .toString()
      .trim();
  }

  /**
   * Returns the gRPC address of a service, from its first log line.
   * @param {string} service
   */
  addressOf(service) {
    const line = this.log.slice(this.log.lastIndexOf("Headway is at"));
    const address = new RegExp(`[(, ]${service} ([^,)]+)`).exec(line)?.[1];
    if (!address) throw new Error(`the log does not have the address of ${service}:\n${this.log}`);
    return address;
  }
}
