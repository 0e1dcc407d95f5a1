// An upload survives navigation, reloads, sign-outs, lost connections, and other tabs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAccessible, chooseWorkbook, open, picture, until, waitForStatus } from "./chromium.mjs";
import { keyFile } from "./headway.mjs";
import { Relay } from "./matrix/relay.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const key = "a key of this test alone, which is long enough";

/** @type {string} */
let workbook;
setUp(
  () => [keyFile(key)],
  () => {
    workbook = headway.sample(50_000, 0);
  },
);

/**
 * Opens the start page as a user, with a slow upload in progress.
 * @param {string} user
 */
async function uploading(user, address = headway.address) {
  const token = headway.token(user, key);
  const { page, context, assertNoErrors } = await open(browser, `${address}/favicon.svg`, {}, headway);
  await context.request.post(`${address}/api/v1/session`, { headers: { Authorization: `Bearer ${token}` } });
  await page.goto(address);
  /** @type {string[]} */
  const sent = [];
  page.on("request", (request) => {
    const { method, offset } = { method: request.method(), offset: request.headers()["upload-offset"] };
    if (method === "PATCH") sent.push(`PATCH ${offset}`);
    if (method === "DELETE" && request.url().includes("/uploads/")) sent.push("DELETE");
  });
  const devtools = await context.newCDPSession(page);
  const emulate = (/** @type {boolean} */ offline, /** @type {number} */ uploadThroughput) =>
    devtools.send("Network.emulateNetworkConditions", {
      offline,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  const throttle = (/** @type {number} */ bytesPerSecond) => emulate(false, bytesPerSecond);
  const goOffline = () => emulate(true, 0);
  // The upload takes half a minute, because a busy machine shows the page late. A new limit speeds it up.
  await throttle(300_000);
  await chooseWorkbook(page, workbook);
  await uploaded(page, 5);
  return { page, context, sent, throttle, goOffline, assertNoErrors };
}

/**
 * Waits until the page shows that this share of the file was sent.
 * @param {import("playwright-core").Page} page
 * @param {number} percent
 */
const uploaded = (page, percent) =>
  until(
    page,
    (wanted) => Number.parseInt(document.querySelector(".upload-percent")?.textContent ?? "0", 10) >= wanted,
    percent,
  );

/** Checks that the upload continued, and did not begin again. */
const assertContinued = (/** @type {string[]} */ sent) => {
  assert.ok(!sent.includes("DELETE"), `${sent}`);
  assert.equal(sent.filter((request) => request === "PATCH 0").length, 1, `it began again: ${sent}`);
};

/**
 * Returns what has the focus.
 * @param {import("playwright-core").Page} page
 */
const focused = (page) => page.evaluate(() => document.activeElement?.tagName);

test("an upload continues on other pages, and leads to its import", async () => {
  const { page, sent, throttle, assertNoErrors } = await uploading("ann");
  await page.getByRole("navigation").getByRole("link", { name: "Jobs" }).click();
  await page.getByRole("link", { name: /Uploading: \d+%/ }).waitFor();
  await assertAccessible(page, "jobs with an upload");
  await picture(page, "uploads-1-jobs");
  await page.getByRole("link", { name: /Uploading: \d+%/ }).click();
  await uploaded(page, 6);
  await page.goBack();
  await throttle(-1);
  await page.getByRole("link", { name: "Upload complete. View the import" }).click();
  await waitForStatus(page, "completed");
  assert.deepEqual(sent, ["PATCH 0"]);
  await page.getByRole("navigation").getByRole("link", { name: "Import" }).click();
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  assertNoErrors();
});

test("an upload can be paused and resumed", async () => {
  const { page, sent, throttle } = await uploading("bea");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused. The part that has been uploaded is saved.").waitFor();
  await assertAccessible(page, "a paused upload");
  await picture(page, "uploads-2-paused");
  const before = sent.length;
  await page.getByRole("navigation").getByRole("link", { name: "Jobs" }).click();
  await page.getByRole("link", { name: /Upload paused: \d+%/ }).click();
  assert.equal(sent.length, before, "nothing is sent while it is paused");
  await throttle(-1);
  await page.getByRole("button", { name: "Resume" }).click();
  await waitForStatus(page, "completed");
  assertContinued(sent);
  assert.ok(sent.length > before);
});

test("an upload waits for a new sign-in when the session has ended", async () => {
  const { page, context, sent, throttle, goOffline } = await uploading("cy");
  // The session ends elsewhere, and a lost connection makes the page ask again.
  await context.request.delete(`${headway.address}/api/v1/session`, { headers: { Origin: headway.address } });
  await goOffline();
  await page.getByText("Connection lost. The upload resumes when you're back online.").waitFor();
  await throttle(1_000_000);
  await page.getByText("Your session has ended. Sign in as cy to continue where you left off.").waitFor();
  await assertAccessible(page, "an expired session");
  await picture(page, "uploads-3-expired");
  await throttle(-1);
  // The sign-out has revoked the first token as well.
  await page.getByLabel("Token").fill(headway.token("cy", key));
  await page.getByRole("button", { name: "Sign in" }).click();
  await waitForStatus(page, "completed");
  assertContinued(sent);
  assert.notEqual(await focused(page), "BODY");
});

/**
 * Runs a test with a network between the browser and the server.
 * @param {(relay: Relay, address: string) => Promise<void>} run
 */
async function withRelay(run) {
  const relay = await Relay.start(Number(new URL(headway.address).port));
  try {
    await run(relay, `http://127.0.0.1:${relay.port}`);
  } finally {
    relay.stop();
  }
}

test("an upload continues over a new network when the old connection is silent", () =>
  withRelay(async (relay, address) => {
    const { page, sent, throttle, goOffline } = await uploading("mia", address);
    relay.swallow();
    await goOffline();
    await throttle(-1);
    await waitForStatus(page, "completed");
    assertContinued(sent);
  }));

test("an upload continues after the computer has slept", () =>
  withRelay(async (relay, address) => {
    const { page, context, sent, throttle } = await uploading("noa", address);
    const devtools = await context.newCDPSession(page);
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    relay.swallow();
    await throttle(-1);
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    // The network of a computer that wakes up resets its old connections.
    relay.reset();
    await waitForStatus(page, "completed");
    assertContinued(sent);
  }));

test("an upload is not visible to another user who signs in", async () => {
  const { page, context, sent, throttle, goOffline } = await uploading("dora");
  await context.request.delete(`${headway.address}/api/v1/session`, { headers: { Origin: headway.address } });
  await goOffline();
  await page.getByText("Connection lost. The upload resumes when you're back online.").waitFor();
  await throttle(1_000_000);
  await page.getByLabel("Token").fill(headway.token("ed", key));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("ed", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  assert.equal(await page.getByText("workforce-").count(), 0);
  const before = sent.length;
  await page.getByRole("navigation").getByRole("link", { name: "Jobs" }).click();
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  assert.equal(sent.length, before);
});

test("the page warns before it is left, and offers to resume after a reload", async () => {
  const { page, sent, throttle } = await uploading("flo");
  const dialogs = /** @type {string[]} */ ([]);
  page.on("dialog", async (dialog) => {
    dialogs.push(dialog.type());
    await dialog.accept();
  });
  await page.reload();
  assert.deepEqual(dialogs, ["beforeunload"]);
  await page.getByText("An upload was interrupted").waitFor();
  await assertAccessible(page, "an interrupted upload");
  await picture(page, "uploads-4-interrupted");
  await throttle(-1);
  await chooseWorkbook(page, workbook);
  await waitForStatus(page, "completed");
  assertContinued(sent);
  await page.goto(headway.address);
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  assert.equal(await page.getByText("An upload was interrupted").count(), 0);
  assert.deepEqual(dialogs, ["beforeunload"], "no warning without an upload");
});

test("another tab shows a running upload, and does not start it a second time", async () => {
  const { page, context, sent } = await uploading("joe");
  const other = await context.newPage();
  /** @type {string[]} */
  const begun = [];
  other.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (/\/(uploads|imports)/.test(pathname) && request.method() !== "GET")
      begun.push(`${request.method()} ${pathname.replace(/(?<=uploads\/).+/, "ID")}`);
  });
  await other.goto(headway.address);
  await other.getByText("Another tab is uploading: workforce-50000-0.xlsx.").waitFor();
  await assertAccessible(other, "an upload of another tab");
  await picture(other, "uploads-5-elsewhere");
  assert.equal(await other.getByText("An upload was interrupted").count(), 0);
  await chooseWorkbook(other, workbook);
  await other.getByText("Another tab is already uploading “workforce-50000-0.xlsx”.").waitFor();
  assert.deepEqual(begun, []);

  // When that tab closes, this one resumes the upload.
  const before = sent.length;
  await page.close({ runBeforeUnload: false });
  await other.getByText("An upload was interrupted").waitFor();
  await chooseWorkbook(other, workbook);
  await waitForStatus(other, "completed");
  // Closing a tab ends its emulated slow line, so sometimes the rest of the file arrives, and nothing is left to send.
  const steps = begun.filter((step) => step !== "PATCH /api/v1/uploads/ID");
  assert.deepEqual(
    steps,
    ["HEAD /api/v1/uploads/ID", "POST /api/v1/imports"],
    "it continues, and does not begin again",
  );
  assert.equal(before, 1);
});

test("another tab shows when an upload has finished", async () => {
  const { page, context, throttle } = await uploading("kay");
  const other = await context.newPage();
  await other.goto(headway.address);
  await other.getByText("Another tab is uploading: workforce-50000-0.xlsx.").waitFor();
  await throttle(-1);
  await waitForStatus(page, "completed");
  await other.getByText("Another tab is uploading").waitFor({ state: "detached" });
  assert.equal(await other.getByText("An upload was interrupted").count(), 0);
});

test("an upload continues after the same user has signed out and in again", async () => {
  const { page, sent, throttle } = await uploading("lea");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").fill(headway.token("lea", key));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("An upload was interrupted").waitFor();
  await throttle(-1);
  await chooseWorkbook(page, workbook);
  await waitForStatus(page, "completed");
  assertContinued(sent);
});

test("an interrupted upload can be discarded", async () => {
  const { page, sent } = await uploading("gus");
  await page.reload();
  const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
  await page.getByRole("button", { name: "Discard upload" }).click();
  assert.equal((await deleted).status(), 204);
  assert.equal(sent.at(-1), "DELETE");
  assert.equal(await page.evaluate("localStorage.length"), 0);
  assert.notEqual(await focused(page), "BODY");
});

test("the focus stays on the page during an upload", async () => {
  const { page } = await uploading("hal");
  assert.notEqual(await focused(page), "BODY", "after the file was chosen");
  await page.getByRole("button", { name: "Pause" }).press("Enter");
  assert.notEqual(await focused(page), "BODY", "after the pause");
  await page.getByRole("button", { name: "Cancel upload" }).press("Enter");
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  assert.notEqual(await focused(page), "BODY", "after the upload was cancelled");
  await page.getByRole("button", { name: "Sign out" }).press("Enter");
  await page.getByLabel("Token").waitFor();
  assert.notEqual(await focused(page), "BODY", "after the sign-out");
});

test("a sign-out without a connection shows that the user is still signed in", async () => {
  const { page, throttle, goOffline } = await uploading("ida");
  await goOffline();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You're still signed in, because the server can't be reached.").waitFor();
  await throttle(1_000_000);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
});
