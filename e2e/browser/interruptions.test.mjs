// The pages in plain/, which were written from the published designs alone, while the server crashes, the connection is
// lost, and jobs fail.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { closeContexts, launch, open, until } from "./chromium.mjs";
import { Headway } from "./headway.mjs";
import { Relay } from "./matrix/relay.mjs";
import { Worker } from "./worker.mjs";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const words = [
  "UPLOADING_AREA",
  "UPLOADING_DEPARTMENT",
  "UPLOADING_DESIGNATION",
  "UPLOADING_EMPLOYEE",
  "UPLOADING_SCHEDULE",
  "UPLOADING_DRIVERS",
  "UPLOADING_ASSIGN_CAR",
  "COMPLETED",
];

/** @type {Headway} */
let headway;
/** @type {Relay} */
let relay;
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {import("node:http").Server} */
let otherSite;
let otherOrigin = "";
before(async () => {
  otherSite = createServer((_request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(readFileSync(here("plain/messages.html")));
  });
  otherSite.listen(0, "127.0.0.1");
  await once(otherSite, "listening");
  otherOrigin = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (otherSite.address()).port}`;
  const pages = join(mkdtempSync(join(tmpdir(), "headway-plain-")), "pages.yaml");
  writeFileSync(pages, `- {path: /plain/, static: "${here("plain")}"}\n`);
  const files = ["batch-upload", "job-status", "gateway"].map((name) => here(`../../deploy/routes/${name}.yaml`));
  headway = await Headway.start(
    ...[...files, pages].map((file) => `--routes=${file}`),
    `--cors-origins=${otherOrigin}`,
    "--lease-duration=1s",
    "--heartbeat-interval=200ms",
    `--worker=${here("../../bin/character")}`,
  );
  relay = await Relay.start(Number(new URL(headway.address).port));
  browser = await launch();
});
afterEach(() => closeContexts(browser));
after(async () => {
  await browser?.close();
  relay?.stop();
  await headway?.stop();
  otherSite?.close();
});

/** Opens the page with the list, through the relay. */
async function stepper() {
  const { page } = await open(browser, headway.address);
  await page.goto(`http://127.0.0.1:${relay.port}/plain/stepper.html`);
  const state = (/** @type {string} */ text) => page.locator("#state").filter({ hasText: text }).waitFor();
  const lit = (/** @type {string} */ word) => page.locator(`li[data-id=${word}].active`).waitFor();
  const upload = async (/** @type {string} */ file) => {
    await page.locator("#file").setInputFiles(file);
    await page.getByRole("button", { name: "Start Upload" }).click();
  };
  const all = () => page.locator("li.active").evaluateAll((items) => items.map((item) => item.getAttribute("data-id")));
  const reset = async () => {
    await page.getByRole("button", { name: "Reset" }).click();
    assert.deepEqual(await all(), []);
  };
  return { page, state, lit, upload, all, reset };
}

test("a list shows every step of small and large workbooks, one after another", async () => {
  const { state, upload, all, reset } = await stepper();
  for (const rows of [300, 100_000, 300]) {
    await upload(headway.sample(rows, 3));
    await state("completed");
    assert.deepEqual(await all(), words, `${rows} rows`);
    await reset();
  }
});

test("a list shows an error without a workbook, and works again afterward", async () => {
  const { page, state, upload, all, reset } = await stepper();
  await page.getByRole("button", { name: "Start Upload" }).click(); // the file field has text
  await state("error"); // the stream ends, which is an error for an EventSource
  assert.deepEqual(await all(), []);
  await reset();
  await upload(headway.sample(300, 3));
  await state("completed");
  assert.deepEqual(await all(), words);
});

test("a list ends when its import is cancelled in the middle", async () => {
  const { state, upload, lit, all } = await stepper();
  await upload(headway.sample(100_000, 3));
  await lit("UPLOADING_AREA");
  const token = headway.token("local");
  const { jobs } = await headway.call(token, "GET", "jobs?statuses=active&statuses=queued");
  await headway.call(token, "POST", `jobs/${jobs[0].jobId}:cancel`, {});
  await state("error");
  assert.ok(!(await all()).includes("COMPLETED"));
});

for (const [what, interrupt] of /** @type {const} */ ([
  ["a crash of the server", () => headway.kill().then(() => headway.run())],
  ["a lost connection", async () => relay.reset()],
])) {
  test(`after ${what}, a list shows every step when its page is loaded again`, async () => {
    const { page, state, upload, lit, all } = await stepper();
    await upload(headway.sample(100_000, 3));
    await lit("UPLOADING_DEPARTMENT");
    await interrupt();
    await state("error"); // such a page closes its stream at the first error
    await page.reload();
    // The page has no button that watches without starting an upload.
    await page.evaluate(() => {
      const source = new EventSource("/api/events");
      source.onmessage = ({ data }) => {
        for (const step of document.querySelectorAll("li")) {
          if (data.startsWith(step.dataset.id)) step.classList.add("active");
        }
        if (data.startsWith("COMPLETED")) source.close();
      };
    });
    await lit("COMPLETED");
    assert.deepEqual(await all(), words);
  });

  for (const client of /** @type {const} */ (["eventsource", "fetch"])) {
    test(`after ${what}, a page with ${client} sees its job end`, async () => {
      const token = headway.token("ann");
      const { page } = await open(browser, headway.address);
      const { job } = await headway.call(token, "POST", "jobs", {
        kind: "character",
        payload: { seed: 42, wordsPerSecond: 150 },
      });
      const url = encodeURIComponent(`/api/v1/sse/jobs/character/${job.jobId}`);
      await page.goto(`http://127.0.0.1:${relay.port}/plain/messages.html?with=${client}&token=${token}&url=${url}`);
      await page.locator("li", { hasText: '"status":"active"' }).first().waitFor();
      await interrupt();
      await page.locator("li", { hasText: /"type":"job_update".*"status":"completed"/ }).waitFor();
      const messages = (await page.locator("li").allTextContents()).map((text) => JSON.parse(text));
      const last = messages.at(-1);
      assert.equal(messages.filter(({ type }) => type === "connected").length, 2, "it connected twice");
      assert.ok(last.result.characterId && last.result.displayId && last.result.name, JSON.stringify(last));
      assert.equal(last.progress, 100);
      assert.ok(last.completedAt);
    });
  }

  for (const ending of /** @type {const} */ (["completed", "error"])) {
    test(`after ${what}, a page of another origin sees the end of the work that it started: ${ending}`, async () => {
      const token = headway.token("ann");
      const worker = new Worker(headway);
      const { page } = await open(browser, headway.address);
      const url = encodeURIComponent(`http://127.0.0.1:${relay.port}/api/v1/process/stream?topic=owls`);
      await page.goto(`${otherOrigin}/?with=eventsource&token=${token}&url=${url}&until=completed,error`);
      const lease = await worker.lease("process");
      await worker.report(lease, "Fetching data");
      await page.locator("li", { hasText: "Fetching data" }).first().waitFor();
      await interrupt();
      const before = await page.locator("li").count();
      await until(page, (n) => document.querySelectorAll("li").length > n, before); // it has found its job
      if (ending === "completed") await worker.call("CompleteJob", { ...lease, result: { pages: 24 } });
      else {
        const error = { reason: "SITE_DOWN", message: "The site does not answer." };
        await worker.call("FailJob", { ...lease, error, permanent: true });
      }
      await page.locator("#state").filter({ hasText: ending }).waitFor();
      const last = JSON.parse((await page.locator("li").last().textContent()) ?? "");
      if (ending === "completed") assert.deepEqual([last.progress, last.data], [100, { pages: 24 }]);
      else assert.equal(last.message, "The site does not answer.");
      const { jobs } = await headway.call(token, "GET", "jobs?kinds=process&statuses=active&statuses=queued");
      assert.deepEqual(jobs, [], "no second job was started");
    });
  }
}

test("a poller sees the end of a job, even if the server crashes", async () => {
  const token = headway.token("ann");
  const { page } = await open(browser, headway.address);
  const { job } = await headway.call(token, "POST", "jobs", {
    kind: "character",
    payload: { seed: 1, wordsPerSecond: 30 },
  });
  const polled = page.evaluate(
    async ({ path, token }) => {
      const seen = [];
      for (;;) {
        const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } }).then(
          (response) => response.json(),
          () => undefined, // the server is down
        );
        if (answer?.data && seen.at(-1) !== answer.data.status) seen.push(answer.data.status);
        if (["completed", "failed", "cancelled"].includes(answer?.data?.status)) return seen;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    { path: `/api/v1/characters/jobs/${job.jobId}`, token },
  );
  await page.waitForResponse((response) => response.url().includes(job.jobId));
  await headway.kill();
  await headway.run();
  await headway.call(token, "POST", `jobs/${job.jobId}:cancel`, {});
  const seen = await polled;
  assert.equal(seen.at(-1), "cancelled");
});
