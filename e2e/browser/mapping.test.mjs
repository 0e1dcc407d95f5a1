// Files whose sheets and columns have other names than the schema: the user maps them without leaving the page.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertAccessible, assertFits, chooseWorkbook, open, openOptions, picture } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const cases = fileURLToPath(new URL("../../services/importer/testdata/cases", import.meta.url));

const people = `
name: people
title: People
sheets:
  - name: people
    title: People
    key: number
    columns:
      - {name: number, title: Personnel number, type: text, required: true}
      - {name: first_name, title: First name, type: text, required: true}
      - {name: last_name, title: Last name, type: text, required: true}
      - {name: email, title: E-mail, type: email}
      - {name: hired_on, title: Hired on, type: date}
      - {name: city, title: City, type: text}
`;
/** The same, with columns whose values the schema knows. */
const staff = people
  .replace("name: people\ntitle: People", "name: staff\ntitle: Staff")
  .replace("name: people\n    title: People", "name: staff\n    title: Staff")
  .concat(
    "      - {name: shift, title: Shift, type: enum, allowed: [early, late]}\n" +
      "      - {name: remote, title: Remote, type: boolean}\n",
  );
/** The ledger of the cases, with another title of its sheet. */
const ledger = readFileSync(join(cases, "07-table-totals-row/schema.yaml"), "utf8")
  .replace("name: ledger", "name: stock")
  .replace("title: Ledger", "title: Stock")
  .replace("title: Items", "title: Goods")
  .replace("name: items", "name: goods")
  .replace("title: Price", "title: Unit cost")
  .replace("title: Code", "title: Article");

/** Files as people have them, in their languages, encodings, and separators. */
const files = {
  German: Buffer.from(
    "Personalnummer;Vorname;Nachname;E-Mail-Adresse;Eintrittsdatum;Ort;Bemerkung\r\n" +
      "1001;Jörg;Müller;joerg@example.com;2019-03-04;Köln;Teilzeit\r\n1002;Grit;Groß;grit@example.com;2020-11-30;Weiß;\r\n",
    "latin1",
  ),
  French: Buffer.from(
    "Matricule;Prénom;Nom de famille;Courriel;Date d'embauche;Ville\n" +
      "1001;Zoé;Lefèvre;zoe@example.com;2019-03-04;Orléans\n1002;Léa;Noël;lea@example.com;2020-11-30;Nîmes\n",
  ),
  Spanish: Buffer.from(
    "Número de personal,Nombre,Apellidos,Correo electrónico,Fecha de contratación,Ciudad\n" +
      "1001,José,Núñez,jose@example.com,2019-03-04,Logroño\n1002,Inés,Peña,ines@example.com,2020-11-30,Ávila\n",
  ),
  Polish: Buffer.from(
    "\uFEFFNumer\tImię\tNazwisko\tE-mail\tData zatrudnienia\tMiasto\r\n" +
      "1001\tŁucja\tWójcik\tlucja@example.com\t2019-03-04\tŁódź\r\n1002\tJan\tŻak\tjan@example.com\t2020-11-30\tGdańsk\r\n",
    "utf16le",
  ),
  Russian: Buffer.from(
    "Номер;Имя;Фамилия;Эл. почта;Дата приема;Город\n" +
      "1001;Анна;Иванова;anna@example.com;2019-03-04;Тверь\n1002;Пётр;Орлов;petr@example.com;2020-11-30;Пермь\n",
  ),
  Japanese: Buffer.from(
    "社員番号,名,姓,メール,入社日,都市\n" +
      "1001,花子,山田,hanako@example.com,2019-03-04,大阪\n1002,太郎,鈴木,taro@example.com,2020-11-30,名古屋\n",
  ),
};
const titles = ["Personnel number", "First name", "Last name", "E-mail", "Hired on", "City"];

const folder = mkdtempSync(join(tmpdir(), "headway-mapping-"));
setUp(() => {
  writeFileSync(join(folder, "people.yaml"), people);
  writeFileSync(join(folder, "staff.yaml"), staff);
  writeFileSync(join(folder, "stock.yaml"), ledger);
  for (const [language, bytes] of Object.entries(files)) writeFileSync(join(folder, `${language}.csv`), bytes);
  return [`--schemas-dir=${folder}`];
});
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Opens the start page with a schema, and counts the parts of files that the page sends.
 * @param {string} schema
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
async function start(schema, options) {
  const opened = await open(browser, headway.address, options);
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

describe("a file with columns in another language", () => {
  for (const [language, bytes] of Object.entries(files)) {
    test(`is imported with the proposals, sent once: ${language}`, async () => {
      const { page, sent, assertNoErrors } = await start("People");
      await chooseWorkbook(page, join(folder, `${language}.csv`));
      await question(page).waitFor();
      await field(page, "City").waitFor();
      const encoding = language === "German" ? "latin1" : language === "Polish" ? "utf16le" : "utf8";
      const headers = (bytes.toString(encoding).split(/\r?\n/)[0] ?? "").replace("\uFEFF", "").split(/[;,\t]/);
      for (const [index, title] of titles.entries()) {
        assert.equal(await field(page, title).inputValue(), headers[index], title);
      }
      await confirm(page).click();
      await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
      assert.equal(sent.length, 1, "the file is sent once");
      assertNoErrors();
    });
  }
});

describe("the question about columns", () => {
  test("shows values, and what is not imported", async () => {
    const { page } = await start("People");
    await chooseWorkbook(page, join(folder, "German.csv"));
    await question(page).getByText("joerg@example.com · grit@example.com").waitFor();
    const unused = page.getByRole("region", { name: "Not imported" });
    assert.match(await unused.innerText(), /Bemerkung\s+Teilzeit/);
  });

  test("is answered with the keyboard, and asks for what is missing", async () => {
    const path = join(folder, "odd.csv");
    writeFileSync(path, "Alpha;Vorname;Zulu\n1001;Ann;Ames\n1002;Bob;Bond\n");
    const { page, sent, assertNoErrors } = await start("People");
    await chooseWorkbook(page, path);
    await page.getByRole("heading", { name: "Check your columns" }).waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    assert.equal(await focused(), "Check your columns");
    await field(page, "Last name").waitFor();
    for (const title of ["Personnel number", "Last name"]) await field(page, title).selectOption("");
    await confirm(page).press("Enter");
    await page.getByRole("alert").getByText("Choose a column for Personnel number and Last name.").waitFor();
    assert.equal(await field(page, "Personnel number").evaluate((element) => element === document.activeElement), true);
    await page.keyboard.type("Alpha");
    await field(page, "Last name").focus();
    await page.keyboard.type("Zulu");
    assert.equal(await field(page, "Personnel number").inputValue(), "Alpha");
    await confirm(page).press("Enter");
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
    assert.equal(sent.length, 1, "the file is sent once");
    assertNoErrors();
  });

  test("takes a column that is dragged to a field", async () => {
    const path = join(folder, "drag.csv");
    writeFileSync(path, "Personalnummer;Vorname;Nachname;Xyzzy\n1001;Ann;Ames;Rome\n");
    const { page, assertNoErrors } = await start("People");
    await chooseWorkbook(page, path);
    await field(page, "City").waitFor();
    await page.getByRole("region", { name: "Not imported" }).getByText("Xyzzy").dragTo(field(page, "City"));
    assert.equal(await field(page, "City").inputValue(), "Xyzzy");
    await confirm(page).click();
    await page.getByRole("heading", { name: "1 row imported" }).waitFor();
    assertNoErrors();
  });

  test("takes a header from the field that had it", async () => {
    const { page } = await start("People");
    await chooseWorkbook(page, join(folder, "German.csv"));
    await field(page, "First name").selectOption("Nachname");
    assert.equal(await field(page, "Last name").inputValue(), "");
    await question(page).getByText("Missing", { exact: true }).waitFor();
  });

  test("lets the user choose the sheet of a workbook", async () => {
    const { page, sent, assertNoErrors } = await start("Stock");
    await chooseWorkbook(page, join(cases, "07-table-totals-row/a.xlsx"));
    const sheet = page.getByRole("combobox", { name: "Sheet of your file for Goods" });
    await sheet.selectOption({ label: "Not in this file" });
    await confirm(page).click();
    await page.getByRole("alert").getByText("Choose a sheet of your file.").waitFor();
    await sheet.selectOption({ label: "Items" });
    await field(page, "Article").selectOption("Code");
    await field(page, "Unit cost").selectOption("Price");
    await confirm(page).click();
    await page.getByRole("heading", { name: "4 rows imported" }).waitFor();
    assert.equal(sent.length, 1, "the file is sent once");
    assertNoErrors();
  });

  test("is asked for a file that matches, if the user wants", async () => {
    const path = join(folder, "same.csv");
    writeFileSync(path, "Personnel number,First name,Last name\n2001,Ann,Ames\n");
    const { page, assertNoErrors } = await start("People");
    await openOptions(page);
    await page.getByRole("switch", { name: /Let me check the columns/ }).check();
    await chooseWorkbook(page, path);
    await confirm(page).click();
    await page.getByRole("heading", { name: "1 row imported" }).waitFor();
    assertNoErrors();
  });

  test("is not asked for a file that matches", async () => {
    const path = join(folder, "same again.csv");
    writeFileSync(path, "Personnel number,First name,Last name\n2002,Ann,Ames\n");
    const { page } = await start("People");
    await chooseWorkbook(page, path);
    await page.getByRole("heading", { name: "1 row imported" }).waitFor();
  });

  test("offers the columns that were chosen for the same headers", async () => {
    const path = join(folder, "january.csv");
    writeFileSync(path, "Nr;Kurz;Lang;Wo\n3001;Ann;Ames;Rome\n");
    const { page, sent } = await start("People");
    await chooseWorkbook(page, path);
    const chosen = { "Personnel number": "Nr", "First name": "Lang", "Last name": "Kurz", City: "" };
    for (const [title, header] of Object.entries(chosen)) await field(page, title).selectOption(header);
    assert.equal(await question(page).getByText("with the same headers").count(), 0);
    await confirm(page).click();
    await page.getByRole("heading", { name: "1 row imported" }).waitFor();

    const next = join(folder, "february.csv");
    writeFileSync(next, "Nr;Kurz;Lang;Wo\n3002;Bob;Bond;Oslo\n");
    const again = await start("People");
    await chooseWorkbook(again.page, next);
    await question(again.page).getByText("You chose these columns for a file with the same headers").waitFor();
    for (const [title, header] of Object.entries(chosen)) {
      assert.equal(await field(again.page, title).inputValue(), header, title);
    }
    await confirm(again.page).click();
    await again.page.getByRole("heading", { name: "1 row imported" }).waitFor();
    assert.equal(sent.length + again.sent.length, 2, "each file is sent once");
    again.assertNoErrors();
  });

  test("gives all rows the same value in a required column", async () => {
    const path = join(folder, "constant.csv");
    writeFileSync(path, "Nummer;Rufname\n5001;Ann\n5002;Bob\n");
    const { page, sent, assertNoErrors } = await start("People");
    await chooseWorkbook(page, path);
    await field(page, "Personnel number").selectOption("Nummer");
    await field(page, "First name").selectOption("Rufname");
    await field(page, "Last name").selectOption("Same value in every row…");
    await confirm(page).click();
    await page.getByRole("alert").getByText("Choose a column for Last name.").waitFor();
    const value = question(page).getByRole("textbox", { name: "Value for Last name in every row" });
    assert.equal(await value.evaluate((element) => element === document.activeElement), true);
    await value.fill("Unknown");
    await assertAccessible(page, "a constant");
    await confirm(page).click();
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
    assert.equal(sent.length, 1, "the file is sent once");
    assertNoErrors();
  });

  test("offers the values that the schema knows for all rows", async () => {
    const path = join(folder, "known.csv");
    writeFileSync(path, "Personnel number;First name;Last name\n5101;Ann;Ames\n5102;Bob;Bond\n");
    const { page, assertNoErrors } = await start("Staff");
    await openOptions(page);
    await page.getByText("Let me check the columns").click();
    await chooseWorkbook(page, path);
    for (const title of ["Shift", "Remote", "Hired on"])
      await field(page, title).selectOption("Same value in every row…");
    const constantOf = (/** @type {string} */ title) => question(page).getByLabel(`Value for ${title} in every row`);
    assert.deepEqual(await constantOf("Shift").locator("option").allInnerTexts(), ["Choose one", "early", "late"]);
    await constantOf("Shift").selectOption("late");
    await constantOf("Remote").selectOption("Yes");
    await constantOf("Hired on").fill("2020-02-29");
    await assertAccessible(page, "known values");
    await picture(page, "mapping-constants");
    await confirm(page).click();
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("deletes saved columns of the user, and restores them", async () => {
    const path = join(folder, "deleted.csv");
    writeFileSync(path, "Id;Given;Family\n4101;Ann;Ames\n");
    const { page } = await start("Staff");
    await chooseWorkbook(page, path);
    for (const [title, header] of Object.entries({
      "Personnel number": "Id",
      "First name": "Given",
      "Last name": "Family",
    }))
      await field(page, title).selectOption(header);
    await question(page).getByText("Saved columns", { exact: true }).click();
    await question(page).getByRole("textbox", { name: "Name", exact: true }).fill("Old export");
    await question(page).getByRole("button", { name: "Save these columns" }).click();
    const drop = question(page).getByRole("button", { name: "Delete “Old export”" });
    await drop.click();
    await question(page).getByText("“Old export” was deleted.").waitFor();
    assert.equal(await drop.count(), 0);
    const saved = () => headway.call(headway.token("local"), "GET", "schemas/staff/mappings");
    const stored = async () =>
      (await saved()).mappings.some((/** @type {{ name: string }} */ { name }) => name === "Old export");
    assert.equal(await stored(), false);
    await question(page).getByRole("button", { name: "Undo" }).click();
    await drop.waitFor();
    assert.equal(await stored(), true);
    await assertAccessible(page, "own saved columns");
    await picture(page, "mapping-saved");
  });

  test("is answered by saved columns, and saves them", async () => {
    const path = join(folder, "saved.csv");
    writeFileSync(path, "Id;Given;Family;Place\n4001;Ann;Ames;Rome\n");
    const { page } = await start("People");
    await chooseWorkbook(page, path);
    const chosen = { "Personnel number": "Id", "First name": "Given", "Last name": "Family", City: "Place" };
    for (const [title, header] of Object.entries(chosen)) await field(page, title).selectOption(header);
    await question(page).getByText("Saved columns", { exact: true }).click();
    await question(page).getByRole("textbox", { name: "Name", exact: true }).fill("HR export");
    await question(page)
      .getByRole("checkbox", { name: /Share with everyone/ })
      .check();
    await question(page).getByRole("button", { name: "Save these columns" }).click();
    await question(page).getByText("Saved as “HR export”.").waitFor();
    for (const title of Object.keys(chosen)) await field(page, title).selectOption("");
    await question(page)
      .getByRole("combobox", { name: "Use saved columns" })
      .selectOption(/** @type {any} */ ({ index: 1 }));
    await page.waitForFunction(() => document.querySelectorAll(".mapping [aria-invalid=true]").length === 0);
    for (const [title, header] of Object.entries(chosen)) {
      assert.equal(await field(page, title).inputValue(), header, title);
    }
    await assertAccessible(page, "saved columns");
    await confirm(page).click();
    await page.getByRole("heading", { name: "1 row imported" }).waitFor();
  });

  test("can be cancelled, and leaves nothing on the server", async () => {
    const { page } = await start("People");
    await chooseWorkbook(page, join(folder, "French.csv"));
    await question(page).waitFor();
    const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
    await page.getByRole("button", { name: "Cancel upload" }).click();
    assert.equal((await deleted).status(), 204);
    await page.getByRole("button", { name: "Choose file" }).waitFor();
  });
});

for (const [name, width] of /** @type {const} */ ([
  ["desktop", 1280],
  ["narrow", 360],
])) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    test(`the question looks right, ${name}, ${colorScheme}`, async () => {
      const { page } = await start("People", {
        viewport: { width, height: 800 },
        colorScheme,
        reducedMotion: "reduce",
      });
      await chooseWorkbook(page, join(folder, "German.csv"));
      await field(page, "City").selectOption("Bemerkung");
      await field(page, "First name").selectOption("");
      await assertAccessible(page, `the question, ${name}, ${colorScheme}`);
      await assertFits(page, `the question, ${name}, ${colorScheme}`);
      await picture(page, `mapping-${name}-${colorScheme}`);
    });
  }
}
