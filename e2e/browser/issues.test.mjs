import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseWorkbook, open, openOptions, until, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

setUp();

test("10,000 errors can be scrolled to the last one and searched", async () => {
  const { page } = await open(browser, headway.address);
  await openOptions(page);
  await page.getByRole("radio", { name: /Don't import anything/ }).check();
  await chooseWorkbook(page, headway.sample(100_000, 12_000));
  // Some dates have several meanings, which the page asks about first.
  await page.getByRole("radio", { name: "2021-04-03" }).check();
  await page.getByRole("button", { name: "Import with these columns" }).click();
  await waitForStatus(page, "failed");
  const table = page.getByRole("table", { name: "Errors" });
  await page.locator(".headway-issues-page").first().waitFor();
  const all = Number(await table.getAttribute("aria-rowcount"));
  assert.ok(all > 10_000, `${all} rows`);
  await page.locator(".issues-scroll").scrollIntoViewIfNeeded();
  const rows = () => table.locator("[aria-rowindex]").count();
  assert.ok((await rows()) < 600, "far rows are not rendered");
  const last = table.locator(`[aria-rowindex="${all}"]`);
  await until(
    page,
    (wanted) => {
      document.querySelector(".issues-scroll")?.scrollBy(0, 1e6);
      return document.querySelector(`[aria-rowindex="${wanted}"]`) !== null;
    },
    all,
  );
  await last.scrollIntoViewIfNeeded();
  assert.ok((await rows()) < 600, "rows that were scrolled past are not rendered");
  await page.getByRole("combobox", { name: "Error type" }).selectOption("duplicate_in_file");
  await until(page, (n) => Number(document.querySelector("[role=table]")?.getAttribute("aria-rowcount")) < n, all);
});

test("an import with warnings offers their list, and no rows to fix", async () => {
  const { page } = await open(browser, headway.address);
  const lines = ["Area code;Area name;Country;Office e-mail;Established on"];
  for (let i = 10; i < 22; i++) lines.push(`W-${i};"Köln; Stadtteil ${i}";DE;office${i}@example.com;2001-01-15`);
  lines.push('W-50;;"Köln; Stadtteil 50";DE;office50@example.com;2001-01-15');
  await chooseWorkbook(page, {
    name: "areas.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(`${lines.join("\r\n")}\r\n`),
  });
  await waitForStatus(page, "completed");
  await page.getByRole("link", { name: "Download warning list (.csv)" }).waitFor();
  assert.equal(await page.getByRole("link", { name: /Download rows to fix/ }).count(), 0);
  const row = page.getByRole("table").locator("[aria-rowindex]", { hasText: "line 14" });
  await row.first().waitFor();
});
