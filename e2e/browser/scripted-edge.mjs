// Replaces the edge in tests that set the pace of a job: it serves the built page, and streams that follow a script.
// All other tests of streams use the real edge.
import { once } from "node:events";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const dist = fileURLToPath(new URL("../../web/dist", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** @typedef {{ jobId: string, revision: number, [field: string]: unknown }} Message */

/** A server of the page whose streams follow a script. */
export class ScriptedEdge {
  /** @type {Set<{ path: string, send: (message: Message) => void }>} */
  #streams = new Set();

  /**
   * @param {() => Message[]} now returns all jobs in their current state, with which a stream starts
   */
  static async start(now) {
    const edge = new ScriptedEdge(now);
    edge.server.listen(0, "127.0.0.1");
    await once(edge.server, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (edge.server.address());
    edge.address = `http://127.0.0.1:${port}`;
    return edge;
  }

  /** @param {() => Message[]} now */
  constructor(now) {
    this.address = "";
    this.now = now;
    this.server = createServer((request, response) => this.#answer(request, response));
  }

  /**
   * Sends a message to every watcher of the job.
   * @param {Message} message
   */
  tell(message) {
    for (const { path, send } of this.#streams) {
      if (path.endsWith("/my") || path.endsWith(message.jobId)) send(message);
    }
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #answer(request, response) {
    const path = new URL(request.url ?? "", this.address).pathname;
    const json = (/** @type {unknown} */ body) => {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(body));
    };
    if (path === "/api/v1/session") json({ user: "ann", localSignIn: true, maxUploadBytes: 1e9 });
    else if (path === "/api/v1/jobs") json({ jobs: [] });
    else if (path.startsWith("/api/v1/sse/")) this.#stream(path, response);
    else if (path.startsWith("/api/")) {
      response.statusCode = 404;
      json({ reason: "ROUTE_NOT_FOUND", message: "Not in the script." });
    } else {
      const file = extname(path) && existsSync(join(dist, path)) ? path : "/index.html";
      response.setHeader("Content-Type", types[/** @type {keyof typeof types} */ (extname(file))]);
      if (file === "/index.html") {
        // Like the edge: links are relative to this base, on every path.
        response.end(readFileSync(join(dist, file), "utf8").replace("<head>", '<head><base href="/">'));
      } else createReadStream(join(dist, file)).pipe(response);
    }
  }

  /**
   * @param {string} path
   * @param {import("node:http").ServerResponse} response
   */
  #stream(path, response) {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    response.write('retry: 200\ndata: {"type":"connected","keepaliveSeconds":15,"user":"ann"}\n\n');
    const stream = {
      path,
      send: (/** @type {Message} */ { import: detail, ...message }) => {
        const own = path.endsWith("/my") ? message : { ...message, import: detail };
        response.write(`id: ${message.revision}\ndata: ${JSON.stringify({ type: "job_update", ...own })}\n\n`);
      },
    };
    this.#streams.add(stream);
    response.on("close", () => this.#streams.delete(stream));
    for (const message of this.now()) if (path.endsWith("/my") || path.endsWith(message.jobId)) stream.send(message);
  }
}

const sheets = ["areas", "departments", "designations", "employees", "schedules", "drivers", "car_assignments"];

/**
 * Returns an import of 1,000,000 rows after this share of it, from 0 to 1.
 * @param {number} share
 * @param {number} revision
 * @returns {Message}
 */
export function importAt(share, revision, jobId = "import-1") {
  const rowsOf = (/** @type {number} */ index) => (index === 3 ? 700_000 : 50_000);
  let left = share * 1_000_000;
  const counts = sheets.map((name, index) => {
    const read = Math.round(Math.min(left, rowsOf(index)));
    left -= read;
    const rejected = Math.floor(read / 1000);
    return {
      name,
      title: name,
      workbookSheet: name,
      unusedColumns: [],
      counts: { ...zero, read, inserted: read - rejected, rejected, issues: rejected },
    };
  });
  const totals = { ...zero };
  for (const { counts: each } of counts) {
    for (const name of /** @type {const} */ (["read", "inserted", "rejected", "issues"])) totals[name] += each[name];
  }
  const steps = ["receive", ...sheets, "finish"].map((name, index) => {
    const read = counts[index - 1]?.counts.read ?? (index === 0 ? 1 : 0);
    const total = index === 0 || index > sheets.length ? 1 : rowsOf(index - 1);
    const state = read === total ? "completed" : read > 0 ? "active" : "pending";
    return {
      name,
      title: name,
      state,
      done: read,
      total,
      unit: "rows",
      weight: 1,
      counters: {},
      totalEstimated: false,
    };
  });
  const step = steps.find(({ state }) => state === "active")?.name ?? "finish";
  const issues = Array.from({ length: 20 }, (_, index) => ({
    sheet: "employees",
    cell: `Employees!D${totals.issues * 50 + index}`,
    column: "E-mail",
    value: "ann@",
    code: "not_an_email",
    severity: "error",
    message: "“ann@” is not an email address.",
  }));
  return {
    jobId,
    kind: "import",
    title: "workforce.xlsx",
    status: "active",
    progress: share * 100,
    step,
    message: `${step}: ${totals.read.toLocaleString("en")} rows`,
    revision,
    attempt: 1,
    steps,
    rate: 90_000 + 20_000 * Math.sin(revision / 5),
    etaSeconds: Math.round((1 - share) * 100),
    stalled: false,
    createdAt: "2026-01-01T00:00:00Z",
    startedAt: "2026-01-01T00:00:00Z",
    timestamp: new Date().toISOString(),
    import: {
      fileName: "workforce.xlsx",
      onIssues: "review",
      sheets: counts,
      totals,
      rootCauses: [],
      newestIssues: issues,
      notices: [],
      unusedSheets: [],
    },
  };
}

const zero = {
  read: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  rejected: 0,
  blocked: 0,
  skipped: 0,
  issues: 0,
  warnings: 0,
};
