import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAccessible, newContext, open } from "./chromium.mjs";
import { Headway, keyFile } from "./headway.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const key = "a key of this test alone, which is long enough";

setUp(() => [keyFile(key)]);

test("without a local sign-in, the page asks for a token and does not store it", async () => {
  const { page } = await open(browser, headway.address);
  await page.getByLabel("Token").fill("not a token");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Details").click();
  await page.getByText("TOKEN_INVALID").waitFor();
  await assertAccessible(page, "sign-in");

  await page.getByLabel("Token").fill(headway.token("ann", key));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("ann", { exact: true }).waitFor();
  assert.equal(
    await page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"),
    '[{},{},""]',
  );

  await page.reload();
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
});

test("the printed link signs in once, and headway open prints another one", async () => {
  const local = await Headway.start();
  try {
    const link = local.printedLink();
    const context = await newContext(browser);
    const page = await context.newPage();
    await page.goto(local.address);
    await page.getByText("headway open").waitFor();
    await assertAccessible(page, "local sign-in");

    await page.goto(link);
    await page.getByText("local", { exact: true }).waitFor();
    assert.equal(new URL(page.url()).hash, "", "the secret stays neither in the address nor in the history");
    const cookies = await context.cookies();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("headway open").waitFor();

    // The server no longer accepts a copy of the cookie, nor the link.
    await context.addCookies(cookies);
    await page.goto(`${local.address}/jobs`);
    await page.getByText("headway open").waitFor();
    await page.goto(link);
    await page.getByText("headway open").waitFor();
    await page.goto(local.link());
    await page.getByText("local", { exact: true }).waitFor();
  } finally {
    await local.stop();
  }
});

test("another user's job looks like a missing page", async () => {
  const created = await fetch(`${headway.address}/api/v1/jobs`, {
    method: "POST",
    headers: { Authorization: `Bearer ${headway.token("bob", key)}`, "Content-Type": "application/json" },
    body: JSON.stringify({ kind: "story", title: "Bob's own" }),
  });
  const { job } = await created.json();
  const { page } = await open(browser, `${headway.address}/jobs/story/${job.jobId}`);
  await page.getByLabel("Token").fill(headway.token("ann", key));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Page not found" }).waitFor();
});

test("a job of another kind can be opened, cancelled, retried, and deleted", async () => {
  const token = headway.token("cy", key);
  const { page } = await open(browser, `${headway.address}/jobs`);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await assertAccessible(page, "no jobs");

  await fetch(`${headway.address}/api/v1/jobs`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ kind: "story", title: "A tale of two sheets", steps: [{ name: "write", title: "Write" }] }),
  });
  await page.getByRole("link", { name: /A tale of two sheets/ }).click();
  await page.locator('.import[data-status="queued"]').waitFor();
  await assertAccessible(page, "a queued job");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("heading", { name: "Job cancelled" }).waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator('.import[data-status="queued"]').waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
});
