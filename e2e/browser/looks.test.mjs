import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import {
  assertAccessible,
  chooseWorkbook,
  closeContexts,
  launch,
  open,
  openOptions,
  picture,
  sizes,
  waitForStatus,
} from "./chromium.mjs";
import { Headway } from "./headway.mjs";

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

for (const size of /** @type {const} */ (["desktop", "phone"])) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    describe(`on a ${size} in ${colorScheme} colors`, () => {
      test("every state is accessible", async () => {
        const { page, assertNoErrors } = await open(browser, headway.address, {
          viewport: sizes[size],
          colorScheme,
          reducedMotion: "reduce",
        });
        const look = async (/** @type {string} */ state) => {
          await assertAccessible(page, `${state}, ${size}, ${colorScheme}`);
          await picture(page, `${size}-${colorScheme}-${state}`);
        };

        await page.getByRole("button", { name: "Choose file" }).waitFor();
        await look("1-start");
        await chooseWorkbook(page, headway.sample(100_000, 120));
        await page.locator('[data-step="employees"][data-state="active"]').waitFor({ timeout: 60_000 });
        assert.equal(await page.evaluate("document.getAnimations().length"), 0, "no animations with reduced motion");
        await picture(page, `${size}-${colorScheme}-2-running`);
        await waitForStatus(page, "waiting");
        await page.locator(".headway-issues-page").first().waitFor();
        await look("3-review");
        await page.getByRole("button", { name: /Import [\d,]+ rows/ }).click();
        await waitForStatus(page, "completed");
        await page.locator(".headway-issues-page").first().waitFor();
        await look("4-result");
        await page.getByRole("navigation").getByRole("link", { name: /Jobs/ }).click();
        await page.locator(".job-row").first().waitFor();
        await look("5-jobs");
        await page.goto(`${headway.address}/imports/none`);
        await page.getByRole("heading", { name: "Page not found" }).waitFor();
        await look("6-nothing-here");
        assertNoErrors();
      });
    });
  }
}

test("nothing is wider than a phone, even with right-to-left text", async () => {
  const { page } = await open(browser, headway.address, { viewport: { width: 320, height: 700 } });
  for (const direction of ["ltr", "rtl"]) {
    await page.goto(headway.address);
    await page.evaluate((dir) => {
      document.documentElement.dir = dir;
    }, direction);
    await openOptions(page);
    await page.getByRole("radio", { name: /Ask me first/ }).check();
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await waitForStatus(page, "waiting");
    await picture(page, `narrow-${direction}-review`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) throw new Error(`the page is ${wide} px wider than the screen in ${direction}`);
  }
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`the API documentation is accessible on a narrow phone in ${colorScheme} colors`, async () => {
    const { page } = await open(browser, headway.address, { viewport: { width: 360, height: 740 }, colorScheme });
    await page.goto(`${headway.address}/docs`);
    await assertAccessible(page, `docs, ${colorScheme}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, "it is not wider than the screen");
  });
}
