// Every screen in every look: axe, contrast, focus rings, width, and a picture.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  assertAccessible,
  assertFits,
  chooseWorkbook,
  closeContexts,
  launch,
  open,
  openOptions,
  picture,
  sizes,
  waitForStatus,
} from "./chromium.mjs";
import { assertFieldsAreVisible, assertFocusIsVisible } from "./contrast.mjs";
import { Headway, keyFile } from "./headway.mjs";
import { importAt, ScriptedEdge } from "./scripted-edge.mjs";
import { Worker } from "./worker.mjs";

const key = "a key of this test alone, which is long enough";

/** @type {Headway} Its users sign in with a link. */
let headway;
/** @type {Headway} Its users sign in with a token. */
let other;
/** @type {ScriptedEdge} It is in the middle of an import. */
let scripted;
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  headway = await Headway.start();
  other = await Headway.start(keyFile(key));
  scripted = await ScriptedEdge.start(() => [importAt(0.6, 40)]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await scripted?.stop();
  await other?.stop();
  await headway?.stop();
});

/** @type {Record<string, import("playwright-core").BrowserContextOptions>} */
const looks = {
  "desktop-light": { viewport: sizes.desktop, colorScheme: "light" },
  "desktop-dark": { viewport: sizes.desktop, colorScheme: "dark" },
  "desktop-forced": { viewport: sizes.desktop, colorScheme: "light", forcedColors: "active" },
  "narrow-light": { viewport: sizes.narrow, colorScheme: "light" },
  "narrow-dark": { viewport: sizes.narrow, colorScheme: "dark" },
  "narrow-forced-dark": { viewport: sizes.narrow, colorScheme: "dark", forcedColors: "active" },
};

/** @typedef {import("playwright-core").Page} Page */

/** Creates a job with output and a result, and returns its path. */
async function finishedJob() {
  const worker = new Worker(headway);
  const body = { kind: "story", title: "A tale", steps: [{ name: "write", title: "Write" }] };
  await headway.call(headway.token("local"), "POST", "jobs", body);
  const lease = await worker.lease("story");
  await worker.write(lease, 0, "It was a dark and stormy night.");
  await worker.complete(lease, { words: 7, heroes: ["Ann", "Bob"] });
  return `/jobs/story/${lease.jobId}`;
}

/**
 * The screens in order. Each function shows one on the page of a user of `headway`.
 * @type {Record<string, (page: Page) => Promise<void>>}
 */
const screens = {
  start: async (page) => {
    await page.goto(headway.address);
    await page.getByRole("button", { name: "Try a sample file" }).waitFor();
    await openOptions(page);
    await page.getByText(/^Contents of a file for/).click();
  },
  "several files": async (page) => {
    await page.goto(headway.address);
    await page.getByRole("button", { name: "Choose file" }).waitFor();
    const transfer = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      for (const name of ["january.xlsx", "a very long name of a file that was not shortened in time.xlsx"])
        transfer.items.add(new File(["PK"], name));
      return transfer;
    });
    await page.locator(".drop").dispatchEvent("drop", { dataTransfer: transfer });
    await page.getByRole("heading", { name: "You dropped 2 files" }).waitFor();
  },
  "a refused file": async (page) => {
    const path = join(headway.data, "notes.xlsx");
    writeFileSync(path, "Dear diary, this is not a workbook.");
    await page.goto(headway.address);
    await chooseWorkbook(page, path);
    await page.getByRole("alert").getByText("Details").click();
  },
  upload: async (page) => {
    await page.goto(headway.address);
    const devtools = await page.context().newCDPSession(page);
    const limits = { offline: false, latency: 0, downloadThroughput: -1 };
    await devtools.send("Network.emulateNetworkConditions", { ...limits, uploadThroughput: 20_000 });
    await chooseWorkbook(page, headway.sample(20_000, 0));
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused. The part that has been uploaded is saved.").waitFor();
    await devtools.detach();
  },
  review: async (page) => {
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Cancel upload" }).click();
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await waitForStatus(page, "waiting");
    await page.locator(".headway-issues-page").first().waitFor();
  },
  "no matching errors": async (page) => {
    await page.getByLabel("Search errors").fill("no such text");
    await page.getByText("No errors match.").waitFor();
  },
  result: async (page) => {
    await page.getByRole("button", { name: /Import [\d,]+ rows?/ }).click();
    await waitForStatus(page, "completed");
    await page.locator(".headway-issues-page").first().waitFor();
  },
  "a failed import": async (page) => {
    await page.goto(headway.address);
    await openOptions(page);
    await page.getByRole("radio", { name: /Don't import anything/ }).check();
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await waitForStatus(page, "failed");
    await page.getByText("Details").click();
    await page.locator(".headway-issues-page").first().waitFor();
  },
  "a finished job": async (page) => {
    await page.goto(headway.address + (await finishedJob()));
    await page.getByText("It was a dark and stormy night.").waitFor();
    await page.getByRole("heading", { name: "Result" }).waitFor();
  },
  jobs: async (page) => {
    await page.goto(`${headway.address}/jobs`);
    await page.locator(".job-row").first().waitFor();
  },
  "a missing page": async (page) => {
    await page.goto(`${headway.address}/imports/none`);
    await page.getByRole("heading", { name: "Page not found" }).waitFor();
  },
  "a link to sign in": async (page) => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("headway open").waitFor();
  },
  "a running import": async (page) => {
    await page.goto(`${scripted.address}/imports/import-1`);
    await page.locator('[data-step="employees"][data-state="active"]').waitFor();
  },
  "a token to sign in": async (page) => {
    await page.goto(other.address);
    await page.getByLabel("Token").fill("not a token");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Details").click();
  },
  documentation: async (page) => {
    await page.goto(`${headway.address}/docs`);
  },
};

for (const [name, look] of Object.entries(looks)) {
  describe(`the look ${name}`, () => {
    // Not after each screen, as all of them are on one page.
    after(() => closeContexts(browser));
    test("is accessible on every screen", async (t) => {
      const { page, assertNoErrors } = await open(browser, headway.address, { ...look, reducedMotion: "reduce" });
      for (const [screen, show] of Object.entries(screens)) {
        await t.test(screen, async () => {
          await show(page);
          await assertAccessible(page, `${screen}, ${name}`);
          await assertFieldsAreVisible(page, `${screen}, ${name}`);
          await assertFits(page, `${screen}, ${name}`);
          await picture(page, `${name}-${screen.replaceAll(" ", "-")}`);
          // The documentation is a long page that repeats the same kinds of links and tables.
          if (screen !== "documentation") await assertFocusIsVisible(page, `${screen}, ${name}`);
        });
      }
      assertNoErrors();
    });
  });
}

test("every screen fits on a phone, even with right-to-left text", async () => {
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
    await assertFits(page, direction);
  }
});

test("nothing moves when the user prefers reduced motion", async () => {
  const { page } = await open(browser, `${scripted.address}/imports/import-1`, { reducedMotion: "reduce" });
  await page.locator('[data-step="employees"][data-state="active"]').waitFor();
  const cancel = page.getByRole("button", { name: "Cancel import" });
  for (const act of [() => cancel.hover(), () => page.mouse.move(0, 0), () => cancel.focus()]) {
    await act();
    assert.equal(await page.evaluate("document.getAnimations().length"), 0);
  }
});
