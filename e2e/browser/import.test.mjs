import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  chooseWorkbook,
  importTimeout,
  open,
  openOptions,
  stepStates,
  totals,
  until,
  waitForStatus,
} from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const steps = [
  "receive",
  "areas",
  "departments",
  "designations",
  "employees",
  "schedules",
  "drivers",
  "car_assignments",
  "finish",
];

const importPath = /\/imports\/[0-9a-f-]{36}$/;

setUp();

describe("a file", () => {
  test("is imported, and its steps complete in order", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    const path = headway.sample(20_000, 0);
    // Records the order in which steps start.
    await page.evaluate(() => {
      /** @type {string[]} */
      const lit = [];
      Object.assign(globalThis, { lit });
      new MutationObserver(() => {
        for (const step of document.querySelectorAll("[data-step]")) {
          const name = step.getAttribute("data-step") ?? "";
          if (step.getAttribute("data-state") !== "pending" && !lit.includes(name)) lit.push(name);
        }
      }).observe(document.body, { subtree: true, childList: true, attributes: true });
    });

    await chooseWorkbook(page, path);
    await page.waitForURL(importPath);
    await waitForStatus(page, "completed");

    assert.deepEqual(await page.evaluate("globalThis.lit"), steps);
    assert.deepEqual(
      await stepStates(page),
      steps.map((step) => `${step} completed`),
    );
    const { read, outcomes, sum } = await totals(page);
    assert.equal(sum, read);
    assert.equal(outcomes.inserted, read);
    await page.getByRole("heading", { name: `${read.toLocaleString("en")} rows imported` }).waitFor();
    assert.equal(await page.getByRole("link", { name: /rows to fix/ }).count(), 0, "a clean import has no report");
    assertNoErrors();
  });

  test("changes nothing when it is uploaded again, and the page shows this", async () => {
    const { page } = await open(browser, headway.address);
    await chooseWorkbook(page, headway.sample(20_000, 0));
    await page
      .getByRole("heading", { name: "Nothing new: all rows are already there" })
      .waitFor({ timeout: importTimeout });
    const { read, outcomes } = await totals(page);
    assert.equal(outcomes.unchanged, read);
  });

  test("is rejected if it isn't a workbook, and the user can choose another one", async () => {
    const { page } = await open(browser, headway.address);
    const path = join(headway.data, "notes.xlsx");
    writeFileSync(path, "Dear diary, this is not a workbook.");
    await chooseWorkbook(page, path);
    const alert = page.getByRole("alert");
    await alert.getByText("notes.xlsx: This file can't be imported").waitFor();
    await alert.getByText("Details").click();
    await alert.getByText("TEXT_FILE").waitFor();
    await page.getByRole("button", { name: "Choose another file" }).click();
    await page.getByRole("button", { name: "Choose file" }).waitFor();
  });

  test("is not uploaded if it is empty", async () => {
    const { page } = await open(browser, headway.address);
    const path = join(headway.data, "empty.xlsx");
    writeFileSync(path, "");
    let uploads = 0;
    page.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/imports")) uploads++;
    });
    await chooseWorkbook(page, path);
    await page.getByText("This file is empty. Choose another file.").waitFor();
    assert.equal(uploads, 0);
  });

  test("can be dropped on the page", async () => {
    const { page } = await open(browser, headway.address);
    // Nothing is saved, so the sample of the next test is the first import.
    await openOptions(page);
    await page.getByRole("switch", { name: /Test only/ }).check();
    const base64 = readFileSync(headway.sample(100, 0)).toString("base64");
    const transfer = await page.evaluateHandle((content) => {
      const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "dropped.xlsx"));
      return transfer;
    }, base64);
    await page.locator(".drop").dispatchEvent("drop", { dataTransfer: transfer });
    await page.getByRole("heading", { name: "dropped.xlsx" }).waitFor();
    await waitForStatus(page, "completed");
  });
});

describe("the sample", () => {
  test("waits for a decision, shows its errors, and imports the other rows", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await waitForStatus(page, "waiting");

    const before = await totals(page);
    assert.equal(before.sum, before.read);
    const bad = (before.outcomes.rejected ?? 0) + (before.outcomes.blocked ?? 0);
    assert.ok(bad > 0, "the sample has wrong rows");
    const table = page.getByRole("table", { name: "Result by sheet" });
    assert.equal(await table.getByRole("row").count(), 9, "seven sheets, a header, and a sum");
    await page.getByRole("heading", { name: "Fix these first" }).waitFor();

    const issues = page.getByRole("table", { name: "Errors" });
    const all = Number(await issues.getAttribute("aria-rowcount")) - 1;
    assert.ok(all >= bad);
    await page.getByRole("combobox", { name: "Sheet" }).selectOption("employees");
    await page.getByText(` / ${all.toLocaleString("en")}`).waitFor();
    const cells = await issues.getByRole("row").locator("code").allTextContents();
    assert.ok(cells.length > 0);
    for (const cell of cells) assert.match(cell, /^Employees!/);
    await page.getByLabel("Search errors").fill(cells[0] ?? "");
    await until(page, (n) => document.querySelectorAll("[role=row] code").length < n, cells.length);
    assert.equal(await issues.getByRole("row").locator("code").first().textContent(), cells[0]);

    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: /Download rows to fix/ }).click();
    assert.match((await download).suggestedFilename(), /\.xlsx$/);

    const valid = before.read - bad;
    await page.getByRole("button", { name: `Import ${valid.toLocaleString("en")} rows` }).click();
    await waitForStatus(page, "completed");
    const done = await totals(page);
    assert.equal(done.sum, done.read);
    assert.deepEqual(done.outcomes, before.outcomes, "the import does what the review showed");
    await page.getByText(new RegExp(`${bad} rows were skipped`)).waitFor();
    assertNoErrors();
  });

  test("saves nothing if the user declines", async () => {
    const { page } = await open(browser, headway.address);
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await page.getByRole("button", { name: "Don't import anything" }).click({ timeout: importTimeout });
    await page.getByRole("heading", { name: /You chose not to import|Import cancelled/ }).waitFor();
    await page.getByText("Nothing was changed.").waitFor();
  });

  test("saves nothing if a single error stops it, and offers the rows without errors", async () => {
    const { page } = await open(browser, headway.address);
    await openOptions(page);
    await page.getByRole("radio", { name: /Don't import anything/ }).check();
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await waitForStatus(page, "failed");
    await page.getByRole("heading", { name: "Nothing was imported" }).waitFor();
    const verdict = page.locator(".verdict");
    await verdict
      .getByText(/^\d+ rows can't be imported, and this import stops on errors\. .* import only the other rows\.$/)
      .waitFor();
    assert.doesNotMatch(
      await verdict.innerText(),
      /Nothing was imported.*Nothing was/is,
      "the heading is not repeated",
    );
    const words = await verdict.locator(".verdict-words").boundingBox();
    const buttons = await page.locator(".verdict > .actions").boundingBox();
    assert.ok(words && buttons && buttons.y >= words.y + words.height, "the buttons are below the text");
    await page.getByText("Details").click();
    await page.getByText("ROWS_REJECTED").waitFor();
    await page.getByRole("link", { name: "Import another file" }).first().waitFor();
    await page.getByRole("button", { name: "Change columns" }).waitFor();
    assert.equal(
      await page.getByRole("button", { name: "Try again" }).count(),
      0,
      "the same rows have the same errors",
    );
    await page.getByRole("button", { name: /^Import [\d,]+ rows$/ }).click();
    await waitForStatus(page, "completed");
    await page.getByRole("heading", { name: /^[\d,]+ rows imported$/ }).waitFor();
  });

  test("saves nothing when it is imported as a test", async () => {
    const { page } = await open(browser, headway.address);
    await openOptions(page);
    await page.getByRole("radio", { name: /Skip them and import the rest/ }).check();
    await page.getByRole("switch", { name: /Test only/ }).check();
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await waitForStatus(page, "completed");
    await page.getByRole("heading", { name: "Test finished: nothing was saved" }).waitFor();
    await page.locator(".chip", { hasText: "Test only" }).waitFor();
  });

  test("can be imported with the keyboard alone", async () => {
    const { page } = await open(browser, headway.address);
    await page.getByRole("button", { name: "Try a sample file" }).waitFor();
    const focusOn = async (/** @type {RegExp} */ wanted) => {
      for (let tabs = 0; tabs < 60; tabs++) {
        await page.keyboard.press("Tab");
        const text = await page.evaluate(() => document.activeElement?.textContent ?? "");
        if (wanted.test(text)) return;
      }
      assert.fail(`the Tab key never reached ${wanted}`);
    };
    await focusOn(/^Skip to content$/);
    await page.keyboard.press("Enter");
    await focusOn(/^Try a sample file$/);
    await page.keyboard.press("Enter");
    await waitForStatus(page, "waiting");
    await focusOn(/^Import [\d,]+ rows?$/);
    await page.keyboard.press("Enter");
    await waitForStatus(page, "completed");
  });
});

describe("a running import", () => {
  test("can be cancelled", async () => {
    const { page } = await open(browser, headway.address);
    await chooseWorkbook(page, headway.sample(300_000, 0));
    await page.getByRole("button", { name: "Cancel import" }).click();
    await waitForStatus(page, "cancelled");
    await page.getByRole("heading", { name: "Import cancelled" }).waitFor();
    await page.locator(".verdict").getByRole("link", { name: "Import another file" }).click();
    await page.getByRole("button", { name: "Choose file" }).waitFor();
  });

  test("survives a reload, and a second tab shows the same state", async () => {
    const { page, context, assertNoErrors } = await open(browser, headway.address);
    await chooseWorkbook(page, headway.sample(50_000, 5));
    await page.waitForURL(importPath);
    const address = page.url();
    await page.reload();
    await page.locator(".import").waitFor();
    assert.equal(page.url(), address);
    const second = await context.newPage();
    await second.goto(address);
    await Promise.all([waitForStatus(page, "waiting"), waitForStatus(second, "waiting")]);
    assert.deepEqual(await totals(second), await totals(page));
    await page.getByRole("button", { name: "Don't import anything" }).click();
    await Promise.all([waitForStatus(page, "cancelled"), waitForStatus(second, "cancelled")]);
    assertNoErrors();
  });

  test("is in the list of jobs, and opens from there", async () => {
    const { page } = await open(browser, headway.address);
    await chooseWorkbook(page, headway.sample(50_000, 0));
    await page.waitForURL(importPath);
    await page.getByRole("navigation").getByRole("link", { name: /Jobs/ }).click();
    await page.waitForURL(/\/jobs$/);
    const row = page.locator(".job-row").first();
    await row.getByText("workforce-50000-0.xlsx").waitFor();
    await page
      .locator('.job-row[data-status="completed"]')
      .filter({ hasText: "workforce-50000-0" })
      .waitFor({ timeout: importTimeout });
    await row.getByRole("link").click();
    await waitForStatus(page, "completed");
    await page.goBack();
    await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
  });

  test("survives a power failure, and the page reconnects by itself", async () => {
    const { page } = await open(browser, headway.address);
    // An import with errors waits for a decision, so it can't end before the failure.
    await chooseWorkbook(page, headway.sample(100_000, 5));
    await page.locator(".import[data-status]").waitFor();
    await headway.kill();
    await page.getByText("Connection lost. The job is still running. Reconnecting…").waitFor();
    await headway.run();
    await page.getByText("Connection lost").waitFor({ state: "detached" });
    await waitForStatus(page, "waiting");
    const { read, sum } = await totals(page);
    assert.equal(sum, read);
  });
});
