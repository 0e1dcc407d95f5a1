// The component of docs/frontend.md before and after its migration from polling. Both versions show the same job of the
// real program.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { closeContexts, launch, open, until } from "./chromium.mjs";
import { Headway } from "./headway.mjs";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const guide = readFileSync(here("../../docs/frontend.md"), "utf8");

/**
 * Returns the code of a snippet of the guide.
 * @param {string} file
 */
function snippet(file) {
  const text = new RegExp(`^\`\`\`\\w+ file=${file.replace(".", "\\.")}\\n(.*?)^\`\`\`$`, "ms").exec(guide)?.[1];
  assert.ok(text, `the guide has ${file}`);
  return text;
}

const entry = `
import { createRoot } from "react-dom/client";
import { Character as Before } from "./before.js";
import { Character as After } from "./after.js";

const { jobId, token } = Object.fromEntries(new URLSearchParams(location.search));
const done = { before: [], after: [] };
window.done = done;
const onBefore = (result) => done.before.push(result);
const onAfter = (result) => done.after.push(result);
createRoot(document.getElementById("root")).render(
  <>
    <div id="before"><Before jobId={jobId} token={token} onDone={onBefore} /></div>
    <div id="after"><After jobId={jobId} token={token} onDone={onAfter} /></div>
  </>,
);
`;

/** @type {Headway} */
let headway;
/** @type {import("playwright-core").Browser} */
let browser;
let folder = "";
before(async () => {
  mkdirSync(here("../artifacts"), { recursive: true });
  folder = mkdtempSync(here("../artifacts/migration-")); // within the repository, so that react is found
  for (const file of ["before.tsx", "after.tsx"]) writeFileSync(join(folder, file), snippet(file));
  writeFileSync(join(folder, "main.tsx"), entry);
  writeFileSync(
    join(folder, "index.html"),
    `<!doctype html><html lang="en"><title>Migration</title><div id="root"></div><script type="module" src="./main.tsx"></script></html>`,
  );
  await build({
    root: folder,
    base: "./",
    logLevel: "error",
    configFile: false,
    resolve: {
      alias: {
        "@headway/client/react": here("../../clients/ts/src/react/index.ts"),
        react: here("../../node_modules/react"),
      },
    },
  });
  writeFileSync(join(folder, "routes.yaml"), `- {path: /migration/, static: dist}\n`);
  headway = await Headway.start(
    `--routes=${here("../../deploy/routes/job-status.yaml")}`,
    `--routes=${join(folder, "routes.yaml")}`,
    `--worker=${here("../../bin/character")}`,
  );
  browser = await launch();
});
after(async () => {
  await closeContexts(browser);
  await browser?.close();
  await headway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("the component works before and after, and the streaming one sends one request", async () => {
  const token = headway.token("ann");
  const { page, assertNoErrors } = await open(browser, headway.address);
  const { job } = await headway.call(token, "POST", "jobs", {
    kind: "character",
    payload: { seed: 42, wordsPerSecond: 60 },
  });
  /** @type {string[]} */
  const requests = [];
  page.on("request", (request) => {
    if (request.url().includes(job.jobId) && request.resourceType() !== "document") requests.push(request.url());
  });
  await page.goto(`${headway.address}/migration/?jobId=${job.jobId}&token=${token}`);
  const value = (/** @type {string} */ id) =>
    page.evaluate((id) => document.querySelector(`#${id} progress`)?.value ?? -1, id);
  await until(page, () => (document.querySelector("#after progress")?.value ?? 0) > 0, 0);
  const early = await value("after");
  assert.ok(early < 100, `the bar is at ${early} in the middle`);
  await until(page, () => window.done.before.length > 0 && window.done.after.length > 0, 0);
  const done = await page.evaluate(() => window.done);
  assert.deepEqual([done.before.length, done.after.length], [1, 1], "each calls onDone once");
  assert.deepEqual(done.before[0], done.after[0], "with the same result");
  assert.ok(done.after[0].characterId);
  assert.deepEqual([await value("before"), await value("after")], [100, 100]);
  const streams = requests.filter((url) => url.includes("/sse/"));
  const polls = requests.filter((url) => url.includes("/characters/jobs/"));
  assert.equal(streams.length, 1, `streams: ${streams}`);
  assert.ok(polls.length >= 2, `polls: ${polls.length}`);
  assertNoErrors();
});
