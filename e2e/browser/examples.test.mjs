// The example workers in the web UI: their forms, and their growing output.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertAccessible, open, picture, sizes, until, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

setUp(() => [
  `--worker=${here("bin/crawl")}`,
  `--worker=${here("bin/cluster")}`,
  `--worker=node ${here("examples/story/dist/src/main.js")}`,
  `--worker=/usr/bin/python3 ${here("examples/bulk/bulk.py")}`,
]);

/**
 * Starts a job with its form, and fills in some fields.
 * @param {import("playwright-core").Page} page
 * @param {string} title
 * @param {Record<string, string>} fields
 */
async function start(page, title, fields = {}) {
  const form = page.getByRole("form", { name: title });
  for (const [label, value] of Object.entries(fields)) await form.getByLabel(label).fill(value);
  await form.getByRole("button", { name: "Start" }).click();
  await page.locator('.import[data-status="active"]').waitFor();
}

/**
 * Waits until the number of elements on the page has grown twice, and returns the last number.
 * @param {import("playwright-core").Page} page
 * @param {string} selector
 */
async function growing(page, selector) {
  const first = page.locator(selector).first();
  await first.waitFor();
  const before = await page.locator(selector).count();
  await until(page, ([selector, before]) => document.querySelectorAll(selector).length > before, [selector, before]);
  assert.equal(await page.locator('.import[data-status="active"]').count(), 1, "the job is still running");
  return page.locator(selector).count();
}

test("the start page shows the forms of all workers", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address);
  for (const title of ["Map a website", "Find groups", "Write a story", "Merge letters"]) {
    await page.getByRole("form", { name: title }).waitFor();
  }
  await assertAccessible(page, "the forms of all workers");
  await picture(page, "examples-start-desktop");
  assertNoErrors();
});

test("the map of a site grows while it is crawled", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address);
  await start(page, "Map a website", { "Requests per second": "8" });
  await growing(page, ".records-tree li");
  await picture(page, "crawl-growing-desktop");
  await waitForStatus(page, "completed");
  const diary = page.locator('.records-tree li[data-id="/diary/"]');
  assert.match((await diary.textContent()) ?? "", /Skipped: excluded by robots.txt/);
  assert.equal(
    await page.locator('.records-tree li[data-id="/"] li[data-id="/plants/"] li[data-id="/plants/tomato/"]').count(),
    1,
    "a page is below the page that links to it",
  );
  await assertAccessible(page, "a finished map");
  await picture(page, "crawl-desktop");
  await page.reload();
  await page.locator('.records-tree li[data-id="/calendar/3/"]').waitFor();
  assertNoErrors();
});

test("points get colors while their groups are found", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address, { colorScheme: "dark" });
  await start(page, "Find groups", { Seed: "5" });
  await growing(page, ".records-plot circle");
  await picture(page, "cluster-growing-dark");
  await page.locator('.records-plot circle[data-group="3"]').first().waitFor();
  await waitForStatus(page, "completed");
  await until(page, () => document.querySelectorAll('.records-plot circle[data-group="-1"]').length === 0, 0);
  assert.equal(await page.locator(".records-plot circle").count(), 600);
  assert.equal(await page.getByRole("img", { name: "600 points in 4 groups" }).count(), 1);
  await assertAccessible(page, "a finished plot");
  await picture(page, "cluster-dark");
  assertNoErrors();
});

test("a story appears word by word", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address);
  await start(page, "Write a story", { Beginning: "Alice looked", Words: "60" });
  const length = () => document.querySelector(".output pre")?.textContent?.length ?? 0;
  await until(page, () => /^Alice looked /.test(document.querySelector(".output pre")?.textContent ?? ""), 0);
  const before = await page.evaluate(length);
  await until(page, (n) => (document.querySelector(".output pre")?.textContent?.length ?? 0) > n, before);
  await picture(page, "story-growing-desktop");
  await waitForStatus(page, "completed");
  assert.ok((await page.evaluate(length)) > before);
  await picture(page, "story-desktop");
  assertNoErrors();
});

test("a table has a row for each letter", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address, { viewport: sizes.phone });
  await start(page, "Merge letters");
  await growing(page, ".records-table tbody tr");
  await picture(page, "bulk-growing-phone");
  await waitForStatus(page, "completed");
  await until(page, () => document.querySelectorAll(".records-table tbody tr").length === 40, 0);
  assert.equal(await page.locator('.records-table tr[data-state="skipped"]').count(), 2);
  await assertAccessible(page, "a finished table");
  await picture(page, "bulk-phone");
  assertNoErrors();
});
