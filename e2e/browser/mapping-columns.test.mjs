// Columns that are not in the file as they are: several tables of one sheet, parts of cells, several cells together, and value rules.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { assertAccessible, assertFits, chooseWorkbook, open, openOptions, picture } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

/** A list of people has the teams too. */
const office = `
name: office
title: Office
sheets:
  - name: teams
    title: Teams
    key: code
    optional: true
    columns:
      - {name: code, title: Team code, type: text, required: true}
      - {name: floor, title: Floor, type: integer}
  - name: persons
    title: Persons
    key: id
    columns:
      - {name: id, title: Personnel number, type: text, required: true}
      - {name: first_name, title: First name, type: text, required: true}
      - {name: last_name, title: Last name, type: text, required: true}
      - {name: team, title: Team, type: text, references: teams.code}
      - {name: email, title: E-mail, type: email}
`;
const officeFile =
  "Personnel number;Name;Team;Etage;User;Host\n1;Ann Mary Lee;A;3;ann;x.org\n2;Bob Ray;A;3;bob;x.org\n3;Cleo Day;B;4;;\n";

const pay = `
name: pay
title: Pay
sheets:
  - name: pay
    title: Pay
    key: id
    columns:
      - {name: id, title: Personnel number, type: text, required: true}
      - {name: salary, title: Salary, type: decimal}
      - {name: hired_on, title: Hired on, type: date}
      - {name: remote, title: Remote, type: boolean}
      - {name: shift, title: Shift, type: enum, allowed: [early, late]}
`;
const payFile =
  "Personnel number;Salary;Hired on;Remote;Shift\na-1;45.000;03/04/2025;mostly;E\na-2;1.250;04/05/2025;never;L\nb-3;980;05/06/2025;mostly;E\n";

const folder = mkdtempSync(join(tmpdir(), "headway-columns-"));
setUp(() => {
  writeFileSync(join(folder, "office.yaml"), office);
  writeFileSync(join(folder, "office.csv"), officeFile);
  writeFileSync(join(folder, "pay.yaml"), pay);
  writeFileSync(join(folder, "pay.csv"), payFile);
  return [`--schemas-dir=${folder}`];
});
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Opens the start page with a schema, and counts the parts of files that the page sends.
 * @param {string} schema
 */
async function start(schema) {
  const opened = await open(browser, headway.address);
  /** @type {string[]} */
  const sent = [];
  opened.page.on("request", (request) => {
    if (request.method() === "PATCH") sent.push(request.url());
  });
  await opened.page.getByRole("combobox", { name: "What do you want to import?" }).selectOption({ label: schema });
  return { ...opened, sent };
}

/** @param {import("playwright-core").Page} page */
const question = (page) => page.getByRole("region", { name: "Check your columns" });

/**
 * Returns the field for the column of the file.
 * @param {import("playwright-core").Page} page
 * @param {string} title
 */
const field = (page, title) => question(page).getByRole("combobox", { name: title, exact: true });

/** @param {import("playwright-core").Page} page */
const confirm = (page) => page.getByRole("button", { name: "Import with these columns" });

test("imports two tables from one sheet, with parts of cells and several cells, by the keyboard", async () => {
  const { page, sent, assertNoErrors } = await start("Office");
  await chooseWorkbook(page, join(folder, "office.csv"));
  await page.getByRole("heading", { name: "Check your columns" }).waitFor();
  const persons = question(page).getByRole("combobox", { name: "Sheet of your file for Persons" });
  await persons.selectOption("office");
  await field(page, "Personnel number").waitFor();
  const teams = question(page).getByRole("combobox", { name: "Sheet of your file for Teams" });
  if (!(await teams.isVisible())) await question(page).getByText("Teams", { exact: true }).click();
  await teams.focus();
  await page.keyboard.type("Also from");
  assert.equal(
    await question(page).getByRole("checkbox", { name: "Import identical rows of Teams only once" }).isChecked(),
    true,
  );
  assert.equal(await persons.inputValue(), "office", "the sheet is still for the persons");
  await field(page, "Team code").selectOption("Team");
  await field(page, "Floor").selectOption("Etage");
  for (const title of ["First name", "Last name"]) {
    await field(page, title).selectOption("Part of a column…");
    await question(page)
      .getByRole("combobox", { name: `Column with ${title}` })
      .selectOption("Name");
  }
  await question(page)
    .getByRole("combobox", { name: "Part for First name" })
    .selectOption("Everything before the last part");
  await question(page).getByRole("combobox", { name: "Part for Last name" }).selectOption("Last part");
  await question(page).getByText("Ann Mary · Bob · Cleo").waitFor();
  await question(page).getByText("Lee · Ray · Day").waitFor();
  await field(page, "E-mail").selectOption("Combine columns…");
  await question(page).getByRole("combobox", { name: "Column 1 for E-mail" }).selectOption("User");
  await confirm(page).click();
  await page.getByRole("alert").getByText("Choose a column for E-mail.").waitFor();
  await question(page).getByRole("combobox", { name: "Column 2 for E-mail" }).selectOption("Host");
  await question(page).getByRole("combobox", { name: "Separator for E-mail" }).selectOption("@");
  await question(page).getByText("ann@x.org").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0, "no column is missing");
  await assertAccessible(page, "two tables of one sheet");
  await page.setViewportSize({ width: 360, height: 800 });
  await assertFits(page, "two tables of one sheet");
  await picture(page, "mapping-derived-narrow");
  await page.setViewportSize({ width: 1280, height: 800 });
  await picture(page, "mapping-derived");
  await confirm(page).click();
  await page.getByRole("heading", { name: "5 rows imported" }).waitFor();
  assert.equal(sent.length, 1, "the file is sent once");
  assertNoErrors();
});

test("imports values by rules that the user chooses, and shows what they have changed", async () => {
  const { page, sent, assertNoErrors } = await start("Pay");
  await openOptions(page);
  await page.getByText("Let me check the columns").click();
  await chooseWorkbook(page, join(folder, "pay.csv"));
  await field(page, "Salary").waitFor();
  /** @param {string} title */
  const column = (title) =>
    question(page)
      .getByRole("listitem")
      .filter({ has: page.getByRole("combobox", { name: title, exact: true }) });
  /** @param {string} title */
  const openRules = async (title) => {
    await column(title).locator("summary").press("Enter");
    return column(title);
  };

  const hired = await openRules("Hired on");
  await hired.getByRole("radio", { name: "2025-04-03" }).check();
  assert.equal(await hired.getByRole("combobox", { name: "Date order" }).inputValue(), "dmy");
  await hired.getByRole("status").getByText("2025-06-05").waitFor();
  assert.match(await hired.locator("summary").innerText(), /1 rule/);

  const salary = await openRules("Salary");
  await salary.getByRole("combobox", { name: "Thousands separator" }).selectOption("Point (.)");
  await salary.getByRole("status").getByText("45000").waitFor();

  const remote = await openRules("Remote");
  await remote
    .getByRole("status")
    .getByText(/“mostly”/)
    .waitFor();
  await remote.getByRole("textbox", { name: /Words for yes/ }).fill("mostly\nalways");
  await remote.getByRole("textbox", { name: /Words for no/ }).fill("never");
  await remote.getByRole("status").getByText("FALSE", { exact: true }).waitFor();

  const shift = await openRules("Shift");
  for (const [n, [from, to]] of [
    ["E", "early"],
    ["L", "late"],
  ].entries()) {
    await shift.getByRole("textbox", { name: `Replacements for entire values, text ${n + 1}` }).fill(from ?? "");
    await shift.getByRole("textbox", { name: `Replacements for entire values, value ${n + 1}` }).fill(to ?? "");
  }
  await shift.getByRole("status").getByText("late", { exact: true }).waitFor();

  const number = await openRules("Personnel number");
  await number.getByRole("combobox", { name: "Case" }).selectOption("UPPERCASE");
  await number.getByRole("status").getByText("B-3", { exact: true }).waitFor();
  await assertAccessible(page, "value rules");
  await picture(page, "mapping-rules");
  await page.setViewportSize({ width: 360, height: 800 });
  await assertFits(page, "value rules");
  await picture(page, "mapping-rules-narrow");
  await page.setViewportSize({ width: 1280, height: 800 });
  await confirm(page).click();
  await page.getByRole("heading", { name: "3 rows imported" }).waitFor();
  await page.getByText("Cleaned up 14 cells in 5 columns").click();
  await page.getByText("Number separators converted: 2 cells").waitFor();
  await page.getByText("line 2, column 2").waitFor();
  await assertAccessible(page, "what the rules have changed");
  await picture(page, "changes");
  assert.equal(sent.length, 1, "the file is sent once");
  assertNoErrors();
});
