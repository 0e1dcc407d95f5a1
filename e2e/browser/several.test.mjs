// Several text files, and a zip archive of them, as one import: by drag and drop, and with the keyboard.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assertAccessible, open, openOptions, picture, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

setUp();

const areas = `Area code;Area name;Country;Office e-mail;Established on\nN;München;DE;n@example.com;2001-01-15\nS;Süd;DE;s@example.com;2001-01-15\n`;
const departments = "Department code,Department name,Area\nD1,Sales,N\nD2,Service,S\nD3,Stock,X\n";

/**
 * Writes the files to a folder, and returns their paths.
 * @param {Record<string, string | Buffer>} files
 */
function write(files) {
  const folder = mkdtempSync(join(tmpdir(), "headway-several-"));
  return Object.entries(files).map(([name, content]) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  });
}

/**
 * Opens the file dialog with the keyboard, and chooses files.
 * @param {import("playwright-core").Page} page
 * @param {string[]} paths
 */
async function chooseByKeyboard(page, paths) {
  const button = page.getByRole("button", { name: "Choose file" });
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button.press("Enter")]);
  await chooser.setFiles(paths);
}

/** The areas in the encoding of Western Europe. */
const western = Buffer.from(areas, "latin1");

describe("several text files", () => {
  test("are one import, whose errors name the file and the line", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    await chooseByKeyboard(page, write({ "departments.csv": departments, "Gebiete.csv": western }));
    await page.getByRole("heading", { name: "departments.csv, Gebiete.csv" }).waitFor();
    await waitForStatus(page, "waiting");
    await page.getByText("departments.csv: line 4, column 3").first().waitFor();
    const notices = page.getByRole("region", { name: "About this file" });
    await notices.getByText(/“Gebiete\.csv” was read as text in windows-1252, with semicolons/).waitFor();
    await notices.getByText(/“departments\.csv” was read as text in UTF-8, with commas/).waitFor();
    await assertAccessible(page, "several files");
    await picture(page, "several-files");
    await page.getByRole("button", { name: "Import 4 rows" }).click();
    await waitForStatus(page, "completed");
    await page.getByRole("heading", { name: "4 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("can be dropped together", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    const transfer = await page.evaluateHandle(
      (files) => {
        const transfer = new DataTransfer();
        for (const [name = "", text = ""] of Object.entries(files)) transfer.items.add(new File([text], name));
        return transfer;
      },
      { "areas.csv": areas, "departments.csv": departments.replace("X", "S") },
    );
    await page.locator(".drop").dispatchEvent("drop", { dataTransfer: transfer });
    await waitForStatus(page, "completed");
    assertNoErrors();
  });

  test("can be a zip archive", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    const paths = write({ "areas.csv": areas, "departments.csv": departments.replace("X", "N") });
    const archive = join(mkdtempSync(join(tmpdir(), "headway-several-")), "export.zip");
    execFileSync("python3", ["-m", "zipfile", "-c", archive, ...paths]);
    await chooseByKeyboard(page, [archive]);
    await page.getByRole("heading", { name: "export.zip" }).waitFor();
    await waitForStatus(page, "completed");
    assertNoErrors();
  });

  test("are read in another way if the user says so", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    // The bytes are valid in both encodings, so only the user knows which one was meant.
    const central = Buffer.from("Area code;Area name;Country\nLD;\xa3\xf3d\x9f;PL\n", "latin1");
    await openOptions(page);
    await page.getByText("Let me check the columns").click();
    await chooseByKeyboard(page, write({ "Obszary.csv": central, "departments.csv": departments }));
    const read = page.locator(".mapping-formats");
    await read.getByText("How the files are read").click();
    const file = read.getByRole("group", { name: "Obszary.csv" });
    const separator = file.getByRole("combobox", { name: "Separator between values" });
    const encoding = file.getByRole("combobox", { name: "Encoding" });
    assert.match(await separator.locator("option:checked").innerText(), /Automatic: Semicolon/);
    await encoding.selectOption({ label: "Western Europe (windows-1252)" });
    await page.getByText("£ódŸ").first().waitFor();
    await encoding.selectOption({ label: "Central Europe (windows-1250)" });
    await page.getByText("Łódź").first().waitFor();
    await separator.selectOption({ label: "Comma (,)" });
    await page
      .locator(".mapping-absent")
      .getByText(/^Areas, /)
      .waitFor();
    await separator.selectOption({ label: "Automatic" });
    await page.getByText("Łódź").first().waitFor();
    await assertAccessible(page, "formats of files");
    await picture(page, "formats");
    await page.getByRole("button", { name: "Import with these columns" }).click();
    await waitForStatus(page, "waiting");
    await page.getByText(/“Obszary\.csv” was read as text in windows-1250/).waitFor();
    assertNoErrors();
  });

  test("can be a zip archive with a workbook and its description", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address);
    const [description = ""] = write({ "Read me.pdf": "%PDF-1.7" });
    const archive = join(mkdtempSync(join(tmpdir(), "headway-several-")), "export.zip");
    execFileSync("python3", ["-m", "zipfile", "-c", archive, description, headway.sample(10, 0)]);
    await chooseByKeyboard(page, [archive]);
    await page.getByRole("heading", { name: "workforce-10-0.xlsx" }).waitFor();
    await waitForStatus(page, "completed");
    await page.getByText("1 file of the archive was not read: Read me.pdf.").waitFor();
    assertNoErrors();
  });

  test("are refused next to a workbook, with what to do", async () => {
    const { page } = await open(browser, headway.address);
    const [csv = ""] = write({ "areas.csv": areas });
    await chooseByKeyboard(page, [csv, headway.sample(10, 0)]);
    await page.getByText("Only CSV files with different names can be imported together.").waitFor();
    await page.getByRole("button", { name: /areas\.csv/ }).press("Enter");
    await waitForStatus(page, "completed");

    await page.goto(headway.address);
    const archive = join(mkdtempSync(join(tmpdir(), "headway-several-")), "mixed.zip");
    execFileSync("python3", ["-m", "zipfile", "-c", archive, csv, headway.sample(10, 0)]);
    await chooseByKeyboard(page, [archive]);
    await page
      .getByText(
        /These files can't be imported together: “.*\.xlsx” is a workbook, and “areas.csv” is not. Unpack the archive/,
      )
      .waitFor();
    assert.equal(await page.getByRole("button", { name: "Choose another file" }).count(), 1);
  });
});
