import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertAccessible, open, picture, sizes, stepStates, until, waitForStatus } from "./chromium.mjs";
import { Headway } from "./headway.mjs";
import { browser, headway, setUp } from "./setup.mjs";
import { Worker } from "./worker.mjs";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

setUp(() => [`--worker=${here("bin/character")}`, `--worker=node ${here("examples/media/dist/src/main.js")}`]);

/**
 * Returns how many rows of the picture on the page are drawn: the rest of an incomplete PNG is transparent.
 * @param {import("playwright-core").Page} page
 */
const drawnRows = (page) =>
  page.evaluate(() => {
    const image = /** @type {HTMLImageElement | null} */ (document.querySelector(".output img"));
    if (!image?.complete || !image.naturalWidth) return 0;
    const canvas = document.createElement("canvas");
    canvas.width = 1;
    canvas.height = image.naturalHeight;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.drawImage(image, 0, 0, 1, image.naturalHeight, 0, 0, 1, image.naturalHeight);
    const { data } = context.getImageData(0, 0, 1, image.naturalHeight);
    let rows = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] === 255) rows++;
    return rows;
  });

/**
 * Returns the form that starts jobs of a kind.
 * @param {import("playwright-core").Page} page
 * @param {string} title
 */
const form = (page, title) => page.getByRole("form", { name: title });

/**
 * Starts a job by its form.
 * @param {import("playwright-core").Page} page
 * @param {string} title
 */
const start = (page, title) => form(page, title).getByRole("button", { name: "Start" }).click();

test("a character job shows its steps, its story, and its result", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address);
  await page.getByRole("heading", { name: "Start another job" }).waitFor();
  await form(page, "Render a picture").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Ada of Lenn");
  await page.getByLabel("Seed").fill("42");
  await assertAccessible(page, "the forms of other jobs");
  await picture(page, "other-jobs-desktop");
  await start(page, "Build a character");
  await page.getByRole("heading", { name: "Build a character: Ada of Lenn" }).waitFor();

  await until(
    page,
    () => /ABILITIES[\s\S]*BACKGROUND/.test(document.querySelector(".output pre")?.textContent ?? ""),
    0,
  );
  await page.locator('[data-step="story"][data-state="active"]').waitFor();
  const states = await stepStates(page);
  assert.equal(states.filter((state) => state.endsWith("completed")).length, 7, states.join());
  await picture(page, "character-telling-desktop");

  await waitForStatus(page, "completed");
  assert.equal(await page.locator('[data-name="name"] dd').textContent(), "Ada of Lenn");
  assert.match((await page.locator('[data-name="displayId"] dd').textContent()) ?? "", /^ADA-[0-9A-F]{4}$/);
  await until(page, () => /STORY\n[\s\S]+\n$/.test(document.querySelector(".output pre")?.textContent ?? ""), 0);
  await assertAccessible(page, "a finished character");
  await picture(page, "character-desktop");
  await page.setViewportSize(sizes.phone);
  await picture(page, "character-phone");
  assertNoErrors();
});

test("a picture grows while it is rendered, and its result is shown", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address, { colorScheme: "dark" });
  await start(page, "Render a picture");
  await page.getByRole("heading", { name: "Render a picture: Spheres" }).waitFor();

  /** @type {number[]} */
  const seen = [];
  let live = 0;
  while ((await page.locator('.import[data-status="completed"]').count()) === 0) {
    const rows = await drawnRows(page);
    if (rows > 0 && rows < 400) live++;
    if (rows !== seen.at(-1)) seen.push(rows);
    if (rows > 150 && rows < 400 && live > 0) {
      await picture(page, "picture-growing-dark");
      live = Number.NEGATIVE_INFINITY;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await until(page, () => document.querySelector(".output img") !== null, 0);
  while ((await drawnRows(page)) < 400) await new Promise((resolve) => setTimeout(resolve, 50));
  const growing = seen.filter((rows) => rows > 0 && rows < 400);
  assert.ok(growing.length >= 3, `the picture was seen with ${seen} rows`);
  assert.deepEqual(
    growing,
    [...growing].sort((a, b) => a - b),
    "it only grows",
  );
  assert.equal(await page.locator('[data-name="width"] dd').textContent(), "640");
  await assertAccessible(page, "a finished picture");
  await picture(page, "picture-dark");

  // After a reload the picture is complete.
  await page.reload();
  while ((await drawnRows(page)) < 400) await new Promise((resolve) => setTimeout(resolve, 50));
  assertNoErrors();
});

test("a picture can be cancelled, and its output remains", async () => {
  const { page } = await open(browser, headway.address);
  await page.getByLabel("Width in pixels").fill("1280");
  await page.getByLabel("Height in pixels").fill("800");
  await start(page, "Render a picture");
  while ((await drawnRows(page)) < 16) await new Promise((resolve) => setTimeout(resolve, 50));
  await page.getByRole("button", { name: "Cancel" }).click();
  await waitForStatus(page, "cancelled");
  let rows = 0; // while the last chunk is being decoded
  while (rows === 0) rows = await drawnRows(page);
  assert.ok(rows >= 16 && rows < 800, `${rows} rows`);
});

test("the forms of other jobs fit on a phone", async () => {
  const { page } = await open(browser, headway.address, { viewport: sizes.phone });
  await page.getByRole("heading", { name: "Render a picture" }).waitFor();
  assert.ok(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off");
  await assertAccessible(page, "the forms of other jobs, on a phone");
  await picture(page, "other-jobs-phone");
});

test("a kind that only its worker knows has the form that the worker describes", async () => {
  const worker = new Worker(headway);
  await worker.call("LeaseJobs", {
    kinds: ["bake"],
    waitSeconds: -1,
    descriptions: [
      {
        kind: "bake",
        title: "Bake bread",
        summary: "It takes an hour.",
        fields: [
          {
            name: "baker",
            label: "Baker",
            type: "KIND_FIELD_TYPE_TEXT",
            hint: "Your name",
            required: true,
            maxLength: 5,
          },
          {
            name: "loaves",
            label: "Loaves",
            type: "KIND_FIELD_TYPE_INTEGER",
            minimum: 1,
            maximum: 9,
            defaultValue: "2",
          },
          { name: "salt", label: "Grams of salt", type: "KIND_FIELD_TYPE_NUMBER" },
          { name: "sliced", label: "Sliced", type: "KIND_FIELD_TYPE_BOOLEAN", defaultValue: "true" },
          {
            name: "flour",
            label: "Flour",
            type: "KIND_FIELD_TYPE_CHOICE",
            defaultValue: "rye",
            choices: [
              { value: "wheat", label: "Wheat" },
              { value: "rye", label: "Rye" },
            ],
          },
          {
            name: "shape",
            label: "Shape",
            type: "KIND_FIELD_TYPE_CHOICE",
            hint: "Any shape",
            choices: [{ value: "round" }, { value: "long" }],
          },
        ],
      },
    ],
  });
  const { page, assertNoErrors } = await open(browser, headway.address);
  const bread = form(page, "Bake bread");
  await bread.getByText("It takes an hour.").waitFor();
  await assertAccessible(page, "a form that a worker describes");
  await picture(page, "described-form");
  await start(page, "Bake bread");
  assert.equal(await bread.locator("input:invalid").getAttribute("name"), "baker", "the required field is asked for");
  await bread.getByLabel("Baker").fill("Adalbert");
  await bread.getByLabel("Loaves").fill("3");
  await bread.getByLabel("Sliced").uncheck();
  await bread.getByLabel("Wheat").check();
  await start(page, "Bake bread");
  await page.getByRole("heading", { name: "Bake bread: Adalb, Wheat" }).waitFor();
  const { jobs } = await worker.call("LeaseJobs", { kinds: ["bake"], leaseSeconds: 120 });
  const [{ job, leaseToken }] = jobs;
  assert.deepEqual(job.payload, { baker: "Adalb", loaves: 3, sliced: false, flour: "wheat" });
  await worker.complete({ jobId: job.jobId, leaseToken }, { eaten: true });
  await waitForStatus(page, "completed");
  assertNoErrors();
});

test("the page offers no other jobs without workers", async () => {
  const alone = await Headway.start();
  try {
    const { page } = await open(browser, alone.address);
    /** @type {(kinds: string[]) => void} */
    let answer = () => {};
    /** @type {Promise<string[]>} */
    const answered = new Promise((resolve) => {
      answer = resolve;
    });
    await page.route("**/api/v1/kinds", async (route) => {
      const response = await route.fetch();
      answer((await response.json()).kinds);
      await route.fulfill({ response });
    });
    await page.reload();
    assert.deepEqual(await answered, ["import"]);
    await page.getByRole("button", { name: "Choose file" }).waitFor();
    assert.equal(await page.getByRole("heading", { name: "Start another job" }).count(), 0);
  } finally {
    await alone.stop();
  }
});
