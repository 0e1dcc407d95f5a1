// Starts each client in its environment: in Node, in a browser, or as a process.
import { fork, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));

/** The latest state that a client has shown. */
export class Seen {
  /** @type {string | undefined} */
  status;
  /** How often it has reconnected. */
  losses = 0;
  /** Why it stopped. @type {string | undefined} */
  stopped;

  /** @param {import("./clients.mjs").Report} report */
  take({ status, lost, stopped }) {
    this.status = status ?? this.status;
    if (lost) this.losses++;
    this.stopped ??= stopped;
  }

  get ended() {
    return this.status === "cancelled";
  }
}

/** @type {Promise<string> | undefined} */
let bundle;

/** Returns the script with the browser clients. */
function pageScript() {
  bundle ??= build({
    configFile: false,
    logLevel: "silent",
    define: { "process.env.NODE_ENV": '"production"' },
    build: { write: false, lib: { entry: here("./page-clients.mjs"), formats: ["iife"], name: "unused" } },
  }).then((built) => /** @type {any} */ (built)[0].output[0].code);
  return bundle;
}

/** The versions of Node that the client supports, as programs in bin. */
const nodeVersions = /** @type {const} */ (["20", "22", "24"]);

/** The names of the clients, as in docs/connections.md. */
export const clientNames = /** @type {const} */ ([
  "`@headway/client`, Node 20",
  "`@headway/client`, Node 22",
  "`@headway/client`, Node 24",
  "`@headway/client`, browser",
  "`EventSource`, browser",
  "`eventsource`, Node 24",
  "`fetch-event-source`, browser",
  "curl",
]);

/** All clients on one path. */
export class Clients {
  #runs = 0;
  /** @type {Map<number, Seen>} */
  #seen = new Map();
  /** @type {Set<import("node:child_process").ChildProcess>} */
  #curls = new Set();
  #stopping = false;

  /**
   * @param {import("./paths.mjs").Path} path
   * @param {import("playwright-core").Browser} browser
   */
  static async start(path, browser) {
    const env = { ...process.env, ...(path.certificate && { NODE_EXTRA_CA_CERTS: path.certificate }) };
    const nodes = new Map(
      nodeVersions.map((version) => {
        const execPath = here(`../../../bin/node-${version}`);
        if (!existsSync(execPath)) throw new Error(`${execPath} is missing. Run "make test-programs".`);
        return [version, fork(here("./node-clients.mjs"), { env, execPath })];
      }),
    );
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const session = `${path.address}/api/v1/session`;
    await context.request.post(session, { headers: { Authorization: `Bearer ${path.token}`, Origin: path.address } });
    const page = await context.newPage();
    await page.route("**/empty", (route) => route.fulfill({ contentType: "text/html", body: "<title>empty</title>" }));
    await page.goto(`${path.address}/empty`);
    const clients = new Clients(path, nodes, page);
    await page.exposeFunction("report", (/** @type {number} */ run, /** @type {any} */ report) =>
      clients.#take(run, report),
    );
    await page.addScriptTag({ content: await pageScript() });
    for (const node of nodes.values())
      node.on("message", (/** @type {any} */ { run, report }) => clients.#take(run, report));
    return clients;
  }

  /**
   * @param {import("./paths.mjs").Path} path
   * @param {Map<typeof nodeVersions[number], import("node:child_process").ChildProcess>} nodes
   * @param {import("playwright-core").Page} page
   */
  constructor(path, nodes, page) {
    this.path = path;
    this.nodes = nodes;
    this.page = page;
  }

  /**
   * @param {number} run
   * @param {import("./clients.mjs").Report} report
   */
  #take(run, report) {
    this.#seen.get(run)?.take(report);
  }

  /**
   * Lets all clients watch a job.
   * @param {{ kind: string, jobId: string }} job
   * @param {string} lastEventId
   * @returns {Promise<Record<string, Seen>>}
   */
  async watch({ kind, jobId }, lastEventId = "") {
    const watch = { address: this.path.address, kind, jobId, token: this.path.token, lastEventId };
    const begin = () => {
      const seen = new Seen();
      this.#seen.set(++this.#runs, seen);
      return { run: this.#runs, seen };
    };
    const inNode = (/** @type {string} */ client, /** @type {typeof nodeVersions[number]} */ version) => {
      const { run, seen } = begin();
      this.nodes.get(version)?.send({ client, run, watch });
      return seen;
    };
    const inPage = async (/** @type {string} */ client) => {
      const { run, seen } = begin();
      await this.page.evaluate(
        ({ client, run, watch }) => {
          const { matrix, report } = /** @type {any} */ (globalThis);
          matrix[client](watch, (/** @type {any} */ seen) => report(run, seen));
        },
        { client, run, watch },
      );
      return seen;
    };
    const seen = [
      ...nodeVersions.map((version) => inNode("headway", version)),
      await inPage("headway"),
      await inPage("EventSource"),
      inNode("eventsource", "24"),
      await inPage("fetch-event-source"),
      this.#curl(watch),
    ];
    return Object.fromEntries(clientNames.map((name, index) => [name, seen[index]]));
  }

  /**
   * Runs curl again and again, as the script in docs/connections.md does.
   * @param {import("./clients.mjs").Watch} watch
   */
  #curl({ address, kind, jobId, token, lastEventId }) {
    const seen = new Seen();
    const { certificate, name } = this.path;
    const trust = certificate ? ["--cacert", certificate, name.includes("1.1") ? "--http1.1" : "--http2"] : [];
    const once = () => {
      const id = lastEventId ? ["-H", `Last-Event-ID: ${lastEventId}`] : [];
      const limits = ["--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "6"];
      const url = `${address}/api/v1/sse/jobs/${kind}/${jobId}`;
      const headers = ["-H", `Authorization: Bearer ${token}`, "-H", "Accept: text/event-stream", ...id];
      const curl = spawn("curl", [
        "-sN",
        "--fail-with-body",
        "-w",
        "\n%{http_code}",
        ...limits,
        ...trust,
        ...headers,
        url,
      ]);
      this.#curls.add(curl);
      let text = "";
      curl.stdout.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
        for (const [, data = ""] of text.matchAll(/^data: (.*)\n/gm)) seen.take({ status: JSON.parse(data).status });
        lastEventId = Array.from(text.matchAll(/^id: (.*)\n/gm)).at(-1)?.[1] ?? lastEventId;
      });
      curl.on("close", () => {
        this.#curls.delete(curl);
        const code = Number(text.slice(text.lastIndexOf("\n") + 1));
        if (code >= 400 && code < 500 && code !== 429) seen.take({ stopped: `HTTP ${code}` });
        if (seen.ended || seen.stopped || this.#stopping) return;
        seen.take({ lost: true });
        setTimeout(once, 1000);
      });
    };
    once();
    return seen;
  }

  /** Stops all clients immediately, as a computer does when it falls asleep. */
  async sleep() {
    for (const child of [...this.nodes.values(), ...this.#curls]) child.kill("SIGSTOP");
    this.devtools ??= await this.page.context().newCDPSession(this.page);
    await this.devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  async wake() {
    for (const child of [...this.nodes.values(), ...this.#curls]) child.kill("SIGCONT");
    await this.devtools?.send("Page.setWebLifecycleState", { state: "active" });
  }

  /**
   * Sets the clocks of the clients forward or back, from the real time.
   * @param {number} clockMs
   */
  async setClock(clockMs) {
    for (const node of this.nodes.values()) node.send({ clockMs });
    await this.page.evaluate((clockMs) => {
      const real = /** @type {any} */ (globalThis);
      real.dateNow ??= Date.now;
      Date.now = () => real.dateNow() + clockMs;
    }, clockMs);
  }

  async stop() {
    this.#stopping = true;
    for (const node of this.nodes.values()) node.kill("SIGKILL");
    for (const curl of this.#curls) curl.kill("SIGKILL");
    await this.page.context().close();
  }
}
