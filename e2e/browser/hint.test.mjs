// What the page says when something between it and the server is hard on streams.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { after, before, test } from "node:test";
import { assertAccessible, launch, open, picture } from "./chromium.mjs";
import { Headway } from "./headway.mjs";

/** @type {Headway} */
let headway;
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  [headway, browser] = await Promise.all([Headway.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await headway?.stop();
});

/**
 * A proxy before the server that does something to its streams: `hold` keeps each back until it has ended, `cut` breaks
 * each off after a while, `pass` does nothing.
 * @param {import("node:test").TestContext} t
 * @param {"hold" | "cut" | "pass"} habit
 */
async function proxy(t, habit) {
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const onward = request(headway.address + url, { method, headers }, (answer) => {
      const isStream = answer.headers["content-type"] === "text/event-stream";
      if (isStream && habit === "hold") {
        /** @type {Buffer[]} */
        const pieces = [];
        answer.on("data", (piece) => pieces.push(piece));
        answer.on("end", () => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          outgoing.end(Buffer.concat(pieces));
        });
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
      if (isStream && habit === "cut") setTimeout(() => outgoing.destroy(), 1000);
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}`;
}

test("the page says so when streams are held back on the way", async (t) => {
  const { page, context } = await open(browser, await proxy(t, "hold"));
  const hint = page.locator(".stream-hint");
  await hint.getByText("Live updates come late.").waitFor();
  await assertAccessible(page, "streams held back");
  await picture(page, "streams-held");
  await hint.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await hint.textContent(), "");
  await context.close();
});

test("the page says so when streams are cut on the way", async (t) => {
  const { page, context } = await open(browser, await proxy(t, "cut"));
  await page.locator(".stream-hint").getByText("Live updates are cut off again and again.").waitFor();
  await context.close();
});

test("the page says nothing of a way that lets streams pass, or of a server that is away", async (t) => {
  const { page, context } = await open(browser, await proxy(t, "pass"));
  await page.getByRole("button", { name: "Choose workbook" }).waitFor();
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
  await context.close();
});
