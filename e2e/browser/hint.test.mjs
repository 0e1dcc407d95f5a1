// The hint that the page shows when something between it and the server buffers or cuts streams.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAccessible, open, picture } from "./chromium.mjs";
import { startProxy } from "./proxy.mjs";
import { browser, headway, setUp } from "./setup.mjs";

setUp();

/** @param {{ address: string }} proxy */
const throughProxy = (proxy) => open(browser, proxy.address, {}, headway);

test("the page reports that streams are buffered", async (t) => {
  const { page } = await throughProxy(await startProxy(t, headway.address, "buffer"));
  const hint = page.locator(".stream-hint");
  await hint.getByText("Live updates are delayed.").waitFor();
  await assertAccessible(page, "the hint about buffered streams");
  await picture(page, "streams-buffered");
  await hint.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await hint.textContent(), "");
});

test("the page reports that streams are cut", async (t) => {
  const { page } = await throughProxy(await startProxy(t, headway.address, "cut"));
  await page.locator(".stream-hint").getByText("Live updates are interrupted repeatedly.").waitFor();
});

test("the page shows no hint for a transparent proxy or an unavailable server", async (t) => {
  const { page } = await throughProxy(await startProxy(t, headway.address, "pass"));
  await page.getByRole("button", { name: "Choose file" }).waitFor();
  const probed = page.waitForRequest(/sse\/probe/);
  await headway.end();
  // The page's probe fails in the meantime, and shows nothing.
  await probed;
  await headway.run();
  // The page shows a new job only when its stream is open again.
  await fetch(`${headway.address}/api/v1/jobs`, {
    method: "POST",
    headers: { Authorization: `Bearer ${headway.token("local")}`, "Content-Type": "application/json" },
    body: JSON.stringify({ kind: "story", title: "Back again" }),
  });
  await page.getByRole("link", { name: /Back again/ }).waitFor();
  assert.equal(await page.locator(".stream-hint").textContent(), "");
});
