// Pages that were written from the published designs alone. They use nothing of @headway/client.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { closeContexts, launch, open } from "./chromium.mjs";
import { Headway } from "./headway.mjs";

const routes = ["batch-upload", "job-status", "gateway"].map(
  (name) => `--routes=${fileURLToPath(new URL(`../../deploy/routes/${name}.yaml`, import.meta.url))}`,
);
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
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {import("node:http").Server} */
let otherSite;
let otherOrigin = "";
before(async () => {
  otherSite = createServer((_request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>Another site</title>");
  });
  otherSite.listen(0, "127.0.0.1");
  await once(otherSite, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (otherSite.address());
  otherOrigin = `http://127.0.0.1:${port}`;
  headway = await Headway.start(...routes, `--cors-origins=${otherOrigin}`);
  browser = await launch();
});
afterEach(() => closeContexts(browser));
after(async () => {
  await browser?.close();
  await headway?.stop();
  otherSite?.close();
});

test("a page shows every step of two imports in its list", async () => {
  const { page } = await open(browser, headway.address); // signs in
  await page.goto(`${headway.address}/batch-upload/`);
  for (const rows of [300, 20_000]) {
    await page.getByLabel("Workbook").setInputFiles(headway.sample(rows, 3));
    await page.getByRole("button", { name: "Start Upload" }).click();
    await page.locator("li[data-id=COMPLETED].active").waitFor();
    const lit = await page
      .locator("ol.stepper li.active")
      .evaluateAll((items) => items.map((item) => item.getAttribute("data-id")));
    assert.deepEqual(lit, words);
    await page.getByRole("button", { name: "Reset" }).click();
    assert.equal(await page.locator("li.active").count(), 0);
  }
});

test("a page that sends no workbook gets an error", async () => {
  const { page } = await open(browser, headway.address);
  await page.goto(`${headway.address}/batch-upload/`);
  await page
    .getByLabel("Workbook")
    .setInputFiles({ name: "a.xlsx", mimeType: "text/plain", buffer: Buffer.from("text") });
  await page.getByRole("button", { name: "Start Upload" }).click();
  await page.getByRole("status").filter({ hasText: /./ }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll("li.active").length === 0);
});

test("a page of another origin opens a stream with a token in the URL", async () => {
  const { page } = await open(browser, headway.address);
  await page.goto(otherOrigin);
  const address = `${headway.address}/api/v1/sse/jobs/my?token=${headway.token("ann")}`;
  const first = await page.evaluate(
    (address) =>
      new Promise((resolve, reject) => {
        const source = new EventSource(address, { withCredentials: true });
        source.onmessage = ({ data }) => {
          source.close();
          resolve(JSON.parse(data).type);
        };
        source.onerror = () => reject(new Error("the stream failed"));
      }),
    address,
  );
  assert.equal(first, "connected");
});
