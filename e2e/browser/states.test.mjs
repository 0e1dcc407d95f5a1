// The page of a job, in states that a test can reach only with a worker, a lost connection, or a slow upload.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertAccessible, chooseWorkbook, open, picture, totals, until, waitForStatus } from "./chromium.mjs";
import { keyFile } from "./headway.mjs";
import { browser, headway, setUp } from "./setup.mjs";
import { Worker } from "./worker.mjs";

const key = "a key of this test alone, which is long enough";

/** @type {Worker} */
let worker;
setUp(
  () => [keyFile(key)],
  () => {
    worker = new Worker(headway, key);
  },
);

/**
 * Opens a browser with a signed-in user.
 * @param {string} user
 * @param {string} [path]
 */
async function openAs(user, path = "/") {
  const token = headway.token(user, key);
  const opened = await open(browser, `${headway.address}/favicon.svg`);
  await opened.context.request.post(`${headway.address}/api/v1/session`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  await opened.page.goto(headway.address + path);
  return { ...opened, token };
}

/**
 * Creates a job of a kind, and leases it.
 * @param {string} user
 * @param {string} kind
 */
async function leased(user, kind) {
  const token = headway.token(user, key);
  await headway.call(token, "POST", "jobs", { kind, title: `A ${kind}` });
  const lease = await worker.lease(kind);
  return { lease, path: `/jobs/${kind}/${lease.jobId}` };
}

describe("a job's output", () => {
  test("appears as text, survives a reload, and remains when the job has ended", async () => {
    const { lease, path } = await leased("ann", "story");
    const { page, assertNoErrors } = await openAs("ann", path);
    await page.getByText("Output appears here as the job writes it.").waitFor();
    await worker.write(lease, 0, "It was a dark ");
    await page.getByText("It was a dark").waitFor();
    await page.reload();
    await page.getByText("It was a dark").waitFor();
    await worker.write(lease, 14, "and stormy 🌩 night.");
    await page.getByText("It was a dark and stormy 🌩 night.").waitFor();
    await worker.complete(lease, { words: 7 });
    await page.locator('.import[data-status="completed"]').waitFor();
    await page.getByRole("heading", { name: "Result" }).waitFor();
    await assertAccessible(page, "a job with output");
    await picture(page, "desktop-light-7-output");
    assertNoErrors();
  });

  test("is shown as a picture if it is one", async () => {
    const { lease, path } = await leased("ann", "media");
    const { page, assertNoErrors } = await openAs("ann", path);
    const png = Buffer.from(
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
      "base64",
    );
    await worker.write(lease, 0, png.subarray(0, 30));
    await worker.write(lease, 30, png.subarray(30));
    await worker.complete(lease, {});
    const image = page.getByRole("img", { name: "The job's picture so far" });
    await image.waitFor();
    await until(page, () => (document.querySelector(".output img")?.naturalWidth ?? 0) === 1, undefined);
    await assertAccessible(page, "a job with a picture");
    assertNoErrors();
  });
});

for (const way of ["a shared worker", "a leader"]) {
  test(`the page reports that it is offline, and catches up when it is back, with ${way}`, async () => {
    const { lease, path } = await leased("bo", "crawl");
    const { page, context } = await openAs("bo");
    if (way === "a leader") await context.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"));
    await page.goto(headway.address + path);
    await worker.report(lease, "Page 1 of 3");
    await page.getByText("Page 1 of 3").waitFor();
    await context.setOffline(true);
    await page
      .getByText("You're offline. The job is still running. This page updates when you're back online.")
      .waitFor();
    await worker.report(lease, "Page 2 of 3");
    await context.setOffline(false);
    await page.getByText("Page 2 of 3").waitFor();
    await until(page, () => !document.body.textContent?.includes("You're offline"), undefined);
    await worker.complete(lease, {});
    await waitForStatus(page, "completed");
  });
}

describe("an upload", () => {
  /**
   * Slows down the page's uploads, so that a test can interrupt them.
   * @param {import("playwright-core").Page} page
   * @param {number} bytesPerSecond
   */
  async function slowDown(page, bytesPerSecond) {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: bytesPerSecond,
    });
    return devtools;
  }

  /** @param {import("playwright-core").Page} page */
  const offsets = (page) => {
    /** @type {number[]} */
    const seen = [];
    page.on("request", (request) => {
      if (request.method() === "PATCH") seen.push(Number(request.headers()["upload-offset"]));
    });
    return seen;
  };

  /**
   * @param {import("playwright-core").Page} page
   * @param {number} percent
   */
  const uploaded = (page, percent) =>
    until(
      page,
      (wanted) => Number.parseInt(document.querySelector(".upload-percent")?.textContent ?? "0", 10) >= wanted,
      percent,
    );

  test("resumes with the next byte after the server was killed", async () => {
    const { page } = await openAs("cleo");
    const sent = offsets(page);
    const path = headway.sample(50_000, 0);
    const devtools = await slowDown(page, 1_000_000);
    await chooseWorkbook(page, path);
    await uploaded(page, 30);
    await headway.kill();
    await page.getByText("Connection lost. The upload resumes when you're back online.").waitFor();
    await headway.run();
    await devtools.detach();
    await waitForStatus(page, "completed");
    const { read, sum } = await totals(page);
    assert.equal(sum, read);
    assert.ok((sent.at(-1) ?? 0) > 0, `it started again at ${sent}`);
  });

  test("resumes with the next byte when the same file is uploaded after a reload", async () => {
    const { page } = await openAs("dora");
    const path = headway.sample(50_000, 0);
    await slowDown(page, 1_000_000);
    await chooseWorkbook(page, path);
    await uploaded(page, 30);
    await page.reload();
    const sent = offsets(page);
    const again = await slowDown(page, -1);
    await chooseWorkbook(page, path);
    await waitForStatus(page, "completed");
    assert.ok((sent[0] ?? 0) > 0, `it started again at ${sent}`);
    await again.detach();
  });

  test("leaves nothing on the server when it is cancelled", async () => {
    const { page } = await openAs("ed");
    await slowDown(page, 1_000_000);
    await chooseWorkbook(page, headway.sample(50_000, 0));
    await uploaded(page, 10);
    const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
    await page.getByRole("button", { name: "Cancel upload" }).click();
    assert.equal((await deleted).status(), 204);
    await page.getByRole("button", { name: "Choose file" }).waitFor();
    assert.equal(await page.evaluate("localStorage.length"), 0);
  });
});
