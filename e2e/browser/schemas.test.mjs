import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertAccessible, chooseWorkbook, open, picture, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const cases = fileURLToPath(new URL("../../services/importer/testdata/cases", import.meta.url));

/** A schema of the server, in addition to the built-in one. */
const ledger = readFileSync(join(cases, "07-table-totals-row/schema.yaml"), "utf8").replace(
  "title: Ledger",
  "title: Ledger\ndescription: Items with their prices.",
);

setUp(() => {
  const schemas = mkdtempSync(join(tmpdir(), "headway-schemas-"));
  writeFileSync(join(schemas, "ledger.yaml"), ledger);
  return [`--schemas-dir=${schemas}`];
});

/**
 * Drops files on the start page.
 * @param {import("playwright-core").Page} page
 * @param {Record<string, string>} files paths by name
 */
async function drop(page, files) {
  const contents = Object.entries(files).map(([name, path]) => [name, readFileSync(path).toString("base64")]);
  const transfer = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const [name = "", content = ""] of list) {
      transfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
    }
    return transfer;
  }, contents);
  await page.locator(".drop").dispatchEvent("drop", { dataTransfer: transfer });
}

describe("the start page", () => {
  test("offers every schema, and remembers the last one", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    const choice = page.getByRole("combobox", { name: "What do you want to import?" });
    await choice.waitFor();
    assert.deepEqual(await choice.getByRole("option").allInnerTexts(), ["Ledger", "Workforce"]);
    await choice.selectOption({ label: "Workforce" });
    await page.getByRole("button", { name: "Try a sample file" }).waitFor();
    await choice.selectOption({ label: "Ledger" });
    await page.getByText("Items with their prices.").waitFor();
    assert.equal(await page.getByRole("button", { name: "Try a sample file" }).count(), 0, "the ledger has no sample");
    await page.getByText("Contents of a file for “Ledger”").click();
    await page.getByText("On date").waitFor();
    const link = page.getByRole("link", { name: "Download the template (.xlsx)" });
    assert.match((await link.getAttribute("href")) ?? "", /\/api\/v1\/schemas\/ledger\/template\.xlsx\?language=en$/);

    await page.reload();
    await page.getByText("Items with their prices.").waitFor();
    assert.equal(await choice.inputValue(), "ledger");

    await chooseWorkbook(page, join(cases, "07-table-totals-row/a.xlsx"));
    await waitForStatus(page, "completed");
    await page.getByRole("heading", { name: "4 rows imported" }).waitFor();
    const notices = page.getByRole("region", { name: "About this file" });
    await notices.getByText("Sheet “Items”: 1 row with totals was left out: row 6.").waitFor();
    assertNoErrors();
  });

  test("asks which of several dropped files to import", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    const hidden = join(cases, "31-hidden-sheet/c-both.xlsx");
    await drop(page, { "first.xlsx": join(cases, "07-table-totals-row/a.xlsx"), "second.xlsx": hidden });
    await page.getByRole("heading", { name: "You dropped 2 files" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await drop(page, { "first.xlsx": join(cases, "07-table-totals-row/a.xlsx"), "second.xlsx": hidden });
    await page.getByRole("button", { name: /second\.xlsx/ }).click();
    await page.getByRole("heading", { name: "second.xlsx" }).waitFor();
    const notices = page.getByRole("region", { name: "About this file" });
    await notices.getByText(/The sheet “ITEMS ” is hidden and was not imported/).waitFor();
    await notices.getByText(/Not imported: the sheets .*“ITEMS ” \(hidden\)/).waitFor();
    assertNoErrors();
  });
});

for (const [name, width] of /** @type {const} */ ([
  ["desktop", 1280],
  ["narrow", 360],
])) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    test(`schemas and files look right, ${name}, ${colorScheme}`, async () => {
      const { page } = await open(browser, headway.address, {
        viewport: { width, height: 800 },
        colorScheme,
        reducedMotion: "reduce",
      });
      await page.getByRole("combobox", { name: "What do you want to import?" }).selectOption({ label: "Workforce" });
      await page.getByText(/^Contents of a file for/).click();
      await assertAccessible(page, `the schema, ${name}, ${colorScheme}`);
      await picture(page, `schema-${name}-${colorScheme}`);
      const path = join(cases, "07-table-totals-row/a.xlsx");
      await drop(page, {
        "january.xlsx": path,
        "a very long name of a file that was not shortened in time.xlsx": path,
      });
      await page.getByRole("heading", { name: "You dropped 2 files" }).waitFor();
      await assertAccessible(page, `the files, ${name}, ${colorScheme}`);
      await picture(page, `files-${name}-${colorScheme}`);
      assert.ok(
        await page.evaluate("document.documentElement.scrollWidth <= innerWidth"),
        "nothing is wider than the page",
      );
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByRole("combobox", { name: "What do you want to import?" }).selectOption({ label: "Ledger" });
      await chooseWorkbook(page, join(cases, "35-rows-that-are-no-records/a.xlsx"));
      await page.getByRole("region", { name: "About this file" }).waitFor();
      await waitForStatus(page, "waiting");
      await assertAccessible(page, `the notices, ${name}, ${colorScheme}`);
      await picture(page, `notices-${name}-${colorScheme}`);
    });
  }
}
