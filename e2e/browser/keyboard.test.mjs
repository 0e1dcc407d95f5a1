// The web UI with the keyboard alone: the focus never falls to the body, whatever the user or the server does.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { open, waitForStatus } from "./chromium.mjs";
import { keyFile } from "./headway.mjs";
import { startProxy } from "./proxy.mjs";
import { browser, headway, setUp } from "./setup.mjs";
import { Worker } from "./worker.mjs";

const key = "a key of this test alone, which is long enough";

setUp(() => [keyFile(key)]);

/** @typedef {import("playwright-core").Page} Page */

/**
 * Opens a page as a user.
 * @param {string} user
 */
async function openAs(user, path = "/", address = headway.address) {
  const { page, context } = await open(browser, `${address}/favicon.svg`);
  await context.request.post(`${headway.address}/api/v1/session`, {
    headers: { Authorization: `Bearer ${headway.token(user, key)}` },
  });
  await page.goto(address + path);
  return page;
}

/**
 * Fails if nothing has the focus.
 * @param {Page} page
 * @param {string} when
 */
async function assertFocus(page, when) {
  const focused = await page.evaluate(() => document.activeElement?.tagName ?? "nothing");
  assert.notEqual(focused, "BODY", when);
}

/**
 * Presses Tab until an element with this text or label has the focus, and then a key.
 * @param {Page} page
 * @param {RegExp} wanted
 */
async function press(page, wanted, pressed = "Enter") {
  /** @type {string[]} */
  const seen = [];
  for (let tabs = 0; tabs < 100; tabs++) {
    await page.keyboard.press("Tab");
    const text = await page.evaluate(() => {
      const active = document.activeElement;
      return active?.getAttribute("aria-label") || active?.closest("label")?.textContent || active?.textContent || "";
    });
    if (wanted.test(text.trim())) {
      if (pressed) await page.keyboard.press(pressed);
      return;
    }
    seen.push(text.trim().slice(0, 30));
  }
  assert.fail(`the Tab key never reached ${wanted}, only ${seen.join(" | ")}`);
}

/**
 * Creates a job, and returns its path.
 * @param {string} user
 */
async function create(user, kind = "story", title = "A tale") {
  const token = headway.token(user, key);
  const { job } = await headway.call(token, "POST", "jobs", { kind, title });
  const call = (/** @type {string} */ method, verb = "") =>
    headway.call(token, method, `jobs/${job.jobId}${verb}`, method === "POST" ? {} : undefined);
  return { path: `/jobs/${kind}/${job.jobId}`, call };
}

test("the focus stays on the page during an import, up to its errors", async () => {
  const page = await openAs("ann");
  await page.getByRole("button", { name: "Try a sample file" }).waitFor();
  await press(page, /^Import options$/);
  await press(page, /^Ask me first/, "ArrowDown");
  await page.keyboard.press("ArrowUp");
  await press(page, /^Try a sample file$/);
  await assertFocus(page, "after the sample was requested");
  await waitForStatus(page, "waiting");
  await assertFocus(page, "when the review appears");
  await press(page, /^Search errors/, "");
  await page.keyboard.type("email");
  await assertFocus(page, "while a filter is typed");
  await press(page, /^Import [\d,]+ rows?$/);
  await assertFocus(page, "after the decision");
  await waitForStatus(page, "completed");
  await assertFocus(page, "when the import has ended");
  await press(page, /^Import another file$/);
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  await assertFocus(page, "on the start page");
});

test("the focus stays on the page when a job is cancelled, retried, and deleted", async () => {
  const { path } = await create("bea");
  const page = await openAs("bea", path);
  await waitForStatus(page, "queued");
  await press(page, /^Cancel job$/);
  await waitForStatus(page, "cancelled");
  await assertFocus(page, "after the cancellation");
  await press(page, /^Try again$/);
  await waitForStatus(page, "queued");
  await assertFocus(page, "after the retry");
  await press(page, /^Cancel job$/);
  await waitForStatus(page, "cancelled");
  await press(page, /^Delete$/);
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await assertFocus(page, "after the deletion");
});

test("the focus stays on the page when a job ends while its button has the focus", async () => {
  const worker = new Worker(headway, key);
  const { path } = await create("cy", "crawl");
  const lease = await worker.lease("crawl");
  const page = await openAs("cy", path);
  await page.getByRole("button", { name: "Cancel job" }).focus();
  await worker.write(lease, 0, "Some output.");
  await page.getByText("Some output.").waitFor();
  await assertFocus(page, "when output appears");
  await worker.complete(lease, { pages: 1 });
  await waitForStatus(page, "completed");
  await assertFocus(page, "when the button is gone");
});

test("the focus stays on the page when a job is deleted elsewhere", async () => {
  const first = await create("dora", "story", "First");
  const second = await create("dora", "story", "Second");
  const page = await openAs("dora", "/jobs");
  await page.getByRole("link", { name: /First/ }).focus();
  await first.call("POST", ":cancel");
  await page.locator('.job-row[data-status="cancelled"]').waitFor();
  await assertFocus(page, "when its row changes");
  await first.call("DELETE");
  await page.getByRole("link", { name: /First/ }).waitFor({ state: "detached" });
  await assertFocus(page, "when its row is gone");
  await page.getByRole("link", { name: /Second/ }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Cancel job" }).focus();
  await second.call("POST", ":cancel");
  await waitForStatus(page, "cancelled");
  await page.getByRole("button", { name: "Delete" }).focus();
  await second.call("DELETE");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await assertFocus(page, "when the job no longer exists");
});

test("the focus stays on the page when a filter has no match, and when a list becomes empty", async () => {
  const { call } = await create("ed");
  const page = await openAs("ed", "/jobs");
  await page.locator(".job-row").waitFor();
  await page.getByRole("radio", { name: "Done" }).focus();
  await page.keyboard.press("Space");
  await page.locator("p.empty").waitFor();
  await assertFocus(page, "after the filter was chosen");
  await call("POST", ":cancel");
  await call("DELETE");
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await assertFocus(page, "when the list is empty");
});

test("the focus stays on the page when a file is refused, and another one can be chosen", async () => {
  const page = await openAs("flo");
  const path = join(headway.data, "diary.xlsx");
  writeFileSync(path, "Dear diary, this is not a workbook.");
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  await press(page, /^Choose file$/);
  await (await choosing).setFiles(path);
  await page.getByRole("alert").waitFor();
  await assertFocus(page, "after the refusal");
  await press(page, /^Choose another file$/);
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  await assertFocus(page, "when another file can be chosen");
});

test("the focus stays on the page when a hint is dismissed", async (t) => {
  const proxy = await startProxy(t, headway.address, "buffer");
  const { page } = await open(browser, proxy.address, {}, headway);
  await page.getByLabel("Token").fill(headway.token("gus", key));
  await page.keyboard.press("Enter");
  await page.getByText("gus", { exact: true }).waitFor();
  await assertFocus(page, "after the sign-in");
  await page.getByRole("button", { name: "Dismiss" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Dismiss" }).waitFor({ state: "detached" });
  await assertFocus(page, "after the hint is gone");
});

test("the focus stays on the page during sign-in, sign-out, and the end of a session", async () => {
  const { page, context } = await open(browser, headway.address);
  await page.getByLabel("Token").focus();
  await page.keyboard.type("not a token");
  await press(page, /^Sign in$/);
  await page.getByRole("alert").waitFor();
  await assertFocus(page, "after a refused token");
  await page.getByLabel("Token").fill(headway.token("hal", key));
  await press(page, /^Sign in$/);
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  await assertFocus(page, "after the sign-in");
  await page.getByRole("button", { name: "Choose file" }).focus();
  await context.request.delete(`${headway.address}/api/v1/session`, { headers: { Origin: headway.address } });
  // The end of its streams shows the page that its session has ended.
  await page.getByText(/Sign in as hal/).waitFor();
  await assertFocus(page, "when the session has ended");
  await page.getByLabel("Token").fill(headway.token("hal", key));
  await press(page, /^Sign in$/);
  await page.getByLabel("Token").waitFor({ state: "detached" });
  await assertFocus(page, "after the new sign-in");
  await page.getByRole("button", { name: "Sign out" }).focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Token").waitFor();
  await assertFocus(page, "after the sign-out");
});

test("the focus stays on the page when an upload in another tab ends", async () => {
  const page = await openAs("ida");
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  const other = await page.context().newPage();
  await other.goto(headway.address);
  const devtools = await page.context().newCDPSession(other);
  const limits = { offline: false, latency: 0, downloadThroughput: -1 };
  await devtools.send("Network.emulateNetworkConditions", { ...limits, uploadThroughput: 100_000 });
  const choosing = other.waitForEvent("filechooser");
  await other.getByRole("button", { name: "Choose file" }).click();
  await (await choosing).setFiles(headway.sample(20_000, 0));
  await page.getByText("Another tab is uploading").waitFor();
  await page.getByRole("button", { name: "Choose file" }).focus();
  await other.close({ runBeforeUnload: false });
  await page.getByRole("button", { name: "Discard upload" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Discard upload" }).waitFor({ state: "detached" });
  await assertFocus(page, "after the upload was discarded");
});
