// What the page says when something between it and the server is hard on streams.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { assertAccessible, closeContexts, launch, open, picture } from "./chromium.mjs";
import { Headway } from "./headway.mjs";
import { startProxy } from "./proxy.mjs";

/** @type {Headway} */
let headway;
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  headway = await Headway.start();
  browser = await launch();
});
afterEach(() => closeContexts(browser));
after(async () => {
  await browser?.close();
  await headway?.stop();
});

/** @param {{ address: string }} proxy */
const throughProxy = (proxy) => open(browser, proxy.address, {}, headway);

test("the page says so when streams are held back on the way", async (t) => {
  const { page } = await throughProxy(await startProxy(t, headway.address, "buffer"));
  const hint = page.locator(".stream-hint");
  await hint.getByText("Live updates are delayed.").waitFor();
  await assertAccessible(page, "streams held back");
  await picture(page, "streams-held");
  await hint.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await hint.textContent(), "");
});

test("the page says so when streams are cut on the way", async (t) => {
  const { page } = await throughProxy(await startProxy(t, headway.address, "cut"));
  await page.locator(".stream-hint").getByText("Live updates are interrupted repeatedly.").waitFor();
});

test("the page says nothing of a way that lets streams pass, or of a server that is away", async (t) => {
  const { page } = await throughProxy(await startProxy(t, headway.address, "pass"));
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  const probed = page.waitForRequest(/sse\/probe/, { timeout: 60_000 });
  await headway.end();
  // The probe that the page tries meanwhile tells it nothing.
  await probed;
  await headway.run();
  // The page's stream is back when the page hears of a new job.
  await fetch(`${headway.address}/api/v1/jobs`, {
    method: "POST",
    headers: { Authorization: `Bearer ${headway.token("local")}`, "Content-Type": "application/json" },
    body: JSON.stringify({ kind: "story", title: "Back again" }),
  });
  await page.getByRole("link", { name: /Back again/ }).waitFor();
  assert.equal(await page.locator(".stream-hint").textContent(), "");
});
