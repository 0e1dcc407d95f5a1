// Every client, over every path, through every interruption: a watch ends with the job's end, or the client shows why it
// stopped. The table in docs/connections.md has the results.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./chromium.mjs";
import { pathNames, startPath } from "./matrix/paths.mjs";
import { Clients, clientNames } from "./matrix/runners.mjs";

const kind = "matrix";
const timeoutMs = 60_000;
const hourMs = 3_600_000;

/**
 * The parts that an interruption can act on.
 * @typedef {object} Stage
 * @property {import("./matrix/paths.mjs").Path} path
 * @property {Clients} clients
 * @property {Record<string, import("./matrix/runners.mjs").Seen>} seen
 * @property {(verb?: string) => Promise<void>} call Changes the job: `cancel` ends it.
 */

/**
 * Waits until a condition holds for each client.
 * @param {Stage["seen"]} seen
 * @param {string} what
 * @param {(seen: import("./matrix/runners.mjs").Seen) => boolean} holds
 */
async function each(seen, what, holds) {
  for (const end = Date.now() + timeoutMs; ; ) {
    const missing = Object.entries(seen).filter(([, one]) => !holds(one));
    if (missing.length === 0) return;
    assert.ok(Date.now() < end, `${what}: never by ${missing.map(([name, one]) => `${name} ${JSON.stringify(one)}`)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const lost = (/** @type {import("./matrix/runners.mjs").Seen} */ one) => one.losses > 0 || one.stopped !== undefined;

/** Loses the connections while the job changes. Afterward, the clients can connect again. */
const away = async (/** @type {Stage} */ { path, seen }, /** @type {() => Promise<void>} */ meanwhile) => {
  path.relay.set("refuse");
  path.relay.reset();
  await each(seen, "it noticed the loss", lost);
  await meanwhile();
  path.relay.set("pass");
};

/** The clients that watch for silence. The others wait until the network reports the loss. */
const watchful = clientNames.filter((name) => name.includes("@headway/client") || name === "curl");

/** @type {Record<string, (stage: Stage) => Promise<void>>} */
const interruptions = {
  none: ({ call }) => call("cancel"),
  "the server is killed and starts again": async ({ path, call }) => {
    await path.headway.kill();
    await path.headway.run();
    await call("cancel");
  },
  "the server drains and starts again": async ({ path, call }) => {
    await path.headway.end();
    await path.headway.run();
    await call("cancel");
  },
  "502 for some seconds": async ({ path, seen, call }) => {
    if (path.name === "directly") path.relay.set("502");
    await path.headway.kill();
    // The first attempt after the loss gets this response.
    await each(seen, "it tried and failed", ({ losses, stopped }) => losses > 1 || stopped !== undefined);
    await path.headway.run();
    path.relay.set("pass");
    await call("cancel");
  },
  "a black hole swallows the connections": async ({ path, seen, call }) => {
    path.relay.swallow();
    await call("cancel");
    const first = Object.fromEntries(watchful.map((name) => [name, seen[name]]));
    await each(first, "it left the black hole by itself", ({ ended }) => ended);
    path.relay.reset();
  },
  "the computer sleeps": async ({ path, clients, call }) => {
    await clients.sleep();
    path.relay.swallow();
    await call("cancel");
    await clients.wake();
    path.relay.reset();
  },
  "the clock is set forward and back": async ({ path, clients, call }) => {
    await clients.setClock(24 * hourMs);
    path.relay.reset();
    await clients.setClock(-24 * hourMs);
    await call("cancel");
    await clients.setClock(0);
  },
  "the job ends during the interruption": (stage) => away(stage, () => stage.call("cancel")),
  "the job is retried during the interruption": (stage) =>
    away(stage, async () => {
      await stage.call("cancel");
      await stage.call("retry");
    }).then(() => stage.call("cancel")),
  "the job is deleted during the interruption": (stage) =>
    away(stage, async () => {
      await stage.call("cancel");
      await stage.call();
    }),
};

/** The IDs of events from which clients start although the job has ended. */
const ids = { "an unknown Last-Event-ID": "garbage", "a Last-Event-ID of another job": "9xabcde" };

/**
 * The results: by interruption, then client, then path.
 * @type {Map<string, Map<string, Map<string, string>>>}
 */
const results = new Map();

/**
 * Records how the clients ended.
 * @param {string} interruption
 * @param {string} path
 * @param {Stage["seen"]} seen
 */
function note(interruption, path, seen) {
  const row = results.get(interruption) ?? new Map();
  results.set(interruption, row);
  for (const [client, { ended, stopped }] of Object.entries(seen)) {
    const cell = row.get(client) ?? new Map();
    row.set(client, cell.set(path, ended ? "end" : `stops (${stopped})`));
  }
}

/** Writes the results as the table of the docs. */
function table() {
  const lines = [`| interruption | ${clientNames.join(" | ")} |`, `|${" --- |".repeat(clientNames.length + 1)}`];
  for (const name of [...Object.keys(interruptions), ...Object.keys(ids)]) {
    const cells = clientNames.map((client) => {
      const cell = results.get(name)?.get(client) ?? new Map();
      const all = [...new Set(cell.values())];
      if (all.length === 1) return all[0];
      const odd = [...cell].filter(([, result]) => result !== "end").map(([path, result]) => `${path}: ${result}`);
      return ["end", ...odd].join("; ");
    });
    lines.push(`| ${name} | ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}

/**
 * Calls the REST API over its own connection, because kills break the pooled ones.
 * @param {import("./matrix/paths.mjs").Path} path
 * @param {string} method
 * @param {string} resource
 * @param {unknown} [body]
 */
async function rest({ headway, token }, method, resource, body) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Accept: "application/json" };
  const sent = request(`${headway.address}/api/v1/${resource}`, { method, headers, agent: false });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = await once(sent, "response");
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += chunk;
  assert.ok(answer.statusCode < 300, `${method} ${resource}: ${answer.statusCode} ${text}`);
  return JSON.parse(text);
}

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

describe("a watch ends with the job's end, or shows why it stopped", { concurrency: pathNames.length }, () => {
  for (const name of pathNames) {
    describe(name, { concurrency: 1 }, () => {
      /** @type {import("./matrix/paths.mjs").Path} */
      let path;
      /** @type {Clients} */
      let clients;
      before(async () => {
        path = await startPath(name);
        clients = await Clients.start(path, browser);
      });
      after(async () => {
        await clients?.stop();
        await path?.stop();
      });

      /** A failed test must not disturb the next one. */
      const isolated = async (/** @type {() => Promise<void>} */ run) => {
        try {
          await run();
        } catch (error) {
          path.relay.set("pass");
          await clients.stop();
          path.relay.reset();
          await path.headway.kill();
          await path.headway.run();
          clients = await Clients.start(path, browser);
          throw error;
        }
      };

      const create = async () => {
        const { job } = await rest(path, "POST", "jobs", { kind, title: "The end" });
        const call = async (verb = "") => {
          const address = `jobs/${job.jobId}`;
          await rest(path, verb ? "POST" : "DELETE", verb ? `${address}:${verb}` : address, verb ? {} : undefined);
        };
        return { job, call };
      };

      for (const [interruption, interrupt] of Object.entries(interruptions)) {
        test(interruption, () =>
          isolated(async () => {
            const { job, call } = await create();
            const seen = await clients.watch(job);
            await each(seen, "it saw the job", ({ status }) => status === "queued");
            await interrupt({ path, clients, seen, call });
            await each(seen, "it came to an end", ({ ended, stopped }) => ended || stopped !== undefined);
            note(interruption, name, seen);
          }),
        );
      }

      for (const [interruption, id] of Object.entries(ids)) {
        test(interruption, () =>
          isolated(async () => {
            const { job, call } = await create();
            await call("cancel");
            const seen = await clients.watch(job, id);
            await each(seen, "it came to an end", ({ ended, stopped }) => ended || stopped !== undefined);
            note(interruption, name, seen);
          }),
        );
      }
    });
  }
});

test("the table in docs/connections.md has these results", () => {
  const docs = readFileSync(fileURLToPath(new URL("../../docs/connections.md", import.meta.url)), "utf8");
  const shown = docs.match(/\| interruption .*(\n\|.*)*/)?.[0];
  assert.equal(shown, table());
});
