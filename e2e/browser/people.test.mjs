// Files as people have them: each is imported without leaving the page, by doing what the page says.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertAccessible, chooseWorkbook, open, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const workbooks = fileURLToPath(new URL("./files/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "headway-people-"));

const payments = `
name: payments
title: Payments
sheets:
  - name: payments
    title: Payments
    key: [booked_on, purpose]
    columns:
      - {name: booked_on, title: Booked on, type: date, required: true}
      - {name: partner, title: Partner, type: text, required: true}
      - {name: purpose, title: Purpose, type: text, required: true}
      - {name: amount, title: Amount, type: decimal, required: true}
`;
const staff = `
name: staff
title: Staff
sheets:
  - name: staff
    title: Staff
    key: number
    columns:
      - {name: number, title: Employee number, aliases: [Sicil No, Pers.Nr.], type: text, required: true}
      - {name: name, title: Name, aliases: [Adı Soyadı], type: text, required: true}
      - {name: department, title: Department, aliases: [Bölüm, Abteilung], type: text}
      - {name: hired_on, title: Hired on, aliases: [Eintritt], type: date}
      - {name: salary, title: Salary, aliases: [Gehalt], type: decimal}
`;
const base = {
  "areas.csv": "Area code,Area name,Country\nN,North,DE\nS,South,DE\nW,West,FR\n",
  "departments.csv":
    "Department code,Department name,Area code\nSALES,Sales,N\nHR,Human Resources,S\nIT,IT,W\nFIN,Finance,S\n",
  "designations.csv": "Designation code,Job title,Grade\nCLK,Clerk,4\nMGR,Manager,9\nDEV,Developer,7\n",
};
const employee = "Employee ID;Full name;E-mail;Department code;Designation code;Hired on;Salary;Active\n";

/**
 * Encodes Turkish. Its letters have the codes of Icelandic ones in Latin-1.
 * @param {string} text
 */
function windows1254(text) {
  return Buffer.from(
    text.replace(/[İıŞşĞğ]/g, (letter) => "ÝýÞþÐð"["İıŞşĞğ".indexOf(letter)] ?? ""),
    "latin1",
  );
}

/** Text files, in their encodings. */
const texts = {
  "google-sheets.csv":
    "Employee Number,Name,Work Email,Dept,Role,Hire Date,Base Salary,Is Active\r\n" +
    '100801,Al Green,al@example.com,SALES,CLK,3/14/2024,"$45,000.00",TRUE\r\n' +
    '100802,Bo White,bo@example.com,IT,DEV,12/1/2023,"$71,500.00",TRUE\r\n',
  "payroll.csv": Buffer.from(
    '"EXTF";700;21;"Personalstamm";13;20260303091412000;;"RE";"muster"\r\n' +
      '"Personalnummer";"Name, Vorname";"E-Mail";"Abteilung";"Stelle";"Eintrittsdatum";"Jahresgehalt";"Aktiv"\r\n' +
      '"100701";"Öttl, Xaver";"xaver@example.com";"SALES";"CLK";01022019;38500,00;"1"\r\n' +
      '"100702";"Groß, Yvonne";"yvonne@example.com";"HR";"CLK";15102020;41000,50;"0"\r\n' +
      '"100703";"Süß, Zoë";"zoe@example.com";"IT";"DEV";31122021;55250,00;"0"\r\n',
    "latin1",
  ),
  "statement.csv": Buffer.from(
    '"Kontonummer:";"DE02 / Girokonto";\r\n\r\n"Von:";"01.02.2026";\r\n"Bis:";"28.02.2026";\r\n' +
      '"Kontostand:";"1.234,56 EUR";\r\n\r\n' +
      '"Buchungstag";"Wertstellung";"Begünstigter";"Verwendungszweck";"Kontonummer";"Betrag (EUR)";\r\n' +
      '"27.02.2026";"27.02.2026";"Stadtwerke München";"Abschlag";"DE0250";"-95,00";\r\n' +
      '"13.02.2026";"13.02.2026";"Groß & Söhne; GmbH";"Rechnung ""4711""";"DE0230";"1.250,00";\r\n',
    "latin1",
  ),
  "stacked.csv":
    "Gebiete der Firma;;\n\nKürzel;Gebietsname;Land\nO;Osten;DE\nM;Mitte;DE\n\n" +
    "Abteilungen;;\nAbteilungskürzel;Abteilungsname;Gebietskürzel\nLAW;Recht;O\nPR;Presse;M\nQA;Qualität;O\n",
  "beside.csv":
    "Kürzel;Gebietsname;Land;;Abteilungskürzel;Abteilungsname;Gebietskürzel\nSO;Südosten;DE;;TAX;Steuern;SO\nSW;Südwesten;DE;;LOG;Logistik;SW\n;;;;LAB;Labor;SO\n",
  "grouped.csv":
    "Booked on,Partner,Purpose,Amount\n2026-03-01,Stadtwerke,Strom,95.00\n,Groß,Rechnung 1,12.50\n,Klein,Rechnung 2,7.25\n" +
    "2026-03-02,Lang,Rechnung 3,8.00\n,Kurz,Rechnung 4,9.00\n",
  "salaries.csv":
    "Employee number;Name;Salary\n0201;Ann;1.234,56\n0202;Bob;1,234.56\n0203;Cy;1.234\n0204;Di;12,50\n0205;Ed;1.500\n",
  "thousands.csv":
    "Pers.Nr.;Name;Gehalt (T€);Eintritt\n0301;Anan;45,5;03/04/2568\n0302;Bo;38;25/12/2567\n0303;Chai;-;1/2/2568\n",
  "signs.csv":
    "Booked on;Partner;Purpose;Amount;S/H\n2026-04-01;Stadtwerke;Abschlag April;1.250,50;S\n2026-04-02;Groß;Rechnung 12;99,00;H\n",
  "debits.csv":
    "Booked on;Partner;Purpose;Debit;Credit\n2026-05-01;Stadtwerke;Abschlag Mai;1.250,50;\n2026-05-02;Groß;Rechnung 13;;99,00\n",
  "sicil.csv": windows1254(
    "SİCİL NO;ADI SOYADI;BÖLÜM\r\n0101;İSMAİL IŞIK;SATIŞ\r\n0102;Şule ÇİĞDEM;BİLGİ İŞLEM\r\n0103;Ilgın Öz;SATIŞ\r\n",
  ),
  "dates.csv": `${employee}100401;Ina Abel;ina@example.com;SALES;CLK;03.04.2019;38000;ja\n100405;Max Ernst;max@example.com;IT;DEV;1.2.21;52700;ja\n`,
};

setUp(() => {
  writeFileSync(join(folder, "payments.yaml"), payments);
  writeFileSync(join(folder, "staff.yaml"), staff);
  for (const [name, content] of Object.entries({ ...base, ...texts })) writeFileSync(join(folder, name), content);
  return [`--schemas-dir=${folder}`];
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** @param {string} schema */
async function start(schema = "Workforce") {
  const opened = await open(browser, headway.address);
  const { page } = opened;
  await page.getByRole("combobox", { name: "What do you want to import?" }).selectOption({ label: schema });
  const confirm = () => page.getByRole("button", { name: "Import with these columns" }).click();
  return { ...opened, confirm };
}

describe("a file as people have it", () => {
  test("can refer to rows that were imported before", async () => {
    const { page } = await start();
    const choosing = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Choose file" }).click();
    await (await choosing).setFiles(Object.keys(base).map((name) => join(folder, name)));
    await page.getByRole("heading", { name: "10 rows imported" }).waitFor();
  });

  for (const [what, path, rows] of /** @type {const} */ ([
    ["one sheet of seven, below a title", join(workbooks, "title-rows.xlsx"), 3],
    ["hidden columns and rows", join(workbooks, "hidden.xlsx"), 3],
    ["a cover and a hidden sheet with lists", join(workbooks, "cover-sheet.xlsx"), 2],
    ["a first and a last name, in German", join(workbooks, "mitarbeiter.xlsx"), 2],
    ["dates with the month first, and dollars", join(folder, "google-sheets.csv"), 2],
    ["a line above the headers, and dates without points", join(folder, "payroll.csv"), 3],
  ])) {
    test(`is imported as proposed: ${what}`, async () => {
      const { page, confirm, assertNoErrors } = await start();
      await chooseWorkbook(page, path);
      await confirm();
      await page.getByRole("heading", { name: `${rows} rows imported` }).waitFor();
      assertNoErrors();
    });
  }

  test("can be a report with a title and headers on each page", async () => {
    const { page, confirm, assertNoErrors } = await start("Staff");
    await chooseWorkbook(page, join(workbooks, "pages.xlsx"));
    await page.getByRole("radio", { name: "2020-02-01" }).check();
    await confirm();
    await page.getByRole("heading", { name: "12 rows imported" }).waitFor();
    await page.getByText("4 rows with repeated headers were left out: rows 7, 8, 13, and 14").waitFor();
    assertNoErrors();
  });

  test("can be Turkish in capital letters", async () => {
    const { page, confirm } = await start("Staff");
    await chooseWorkbook(page, join(folder, "sicil.csv"));
    await page.getByText("İSMAİL IŞIK · Şule ÇİĞDEM · Ilgın Öz").first().waitFor();
    await confirm();
    await page.getByRole("heading", { name: "3 rows imported" }).waitFor();
    await page.getByText(/read as text in windows-1254/).waitFor();
  });

  test("can be a bank statement", async () => {
    const { page, confirm } = await start("Payments");
    await chooseWorkbook(page, join(folder, "statement.csv"));
    await confirm();
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
    await page.getByText(/4 rows above the headers were not imported/).waitFor();
  });

  test("can have two tables, one below the other", async () => {
    const { page, confirm, assertNoErrors } = await start();
    await chooseWorkbook(page, join(folder, "stacked.csv"));
    const sheet = page.getByRole("combobox", { name: "Sheet of your file for Departments" });
    assert.match(
      await sheet.locator("option:checked").innerText(),
      /^Table 2 \(another table of “stacked”, headers in row 8\)$/,
    );
    await confirm();
    await page.getByRole("heading", { name: "5 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("can have two tables side by side, in another language", async () => {
    const { page, confirm, assertNoErrors } = await start();
    await chooseWorkbook(page, join(folder, "beside.csv"));
    await page.getByRole("combobox", { name: "Sheet of your file for Departments" }).waitFor();
    await confirm();
    await page.getByRole("heading", { name: "5 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("can have the value of a group in its first row only", async () => {
    const { page, confirm } = await start("Payments");
    await chooseWorkbook(page, join(folder, "grouped.csv"));
    await confirm();
    await page.getByRole("heading", { name: "5 rows imported" }).waitFor();
    await page.getByText("Filled from the cell above").first().waitFor({ state: "attached" });
  });

  test("can have two rows of headers, and a merged row that is refused", async () => {
    const { page, confirm } = await start();
    await chooseWorkbook(page, join(workbooks, "merged-banners.xlsx"));
    await confirm();
    await waitForStatus(page, "waiting");
    await page.getByRole("button", { name: "Import 4 rows" }).click();
    await page.getByRole("heading", { name: "4 rows imported" }).waitFor();
  });

  test("can have two tables with the same header, side by side", async () => {
    const { page, confirm } = await start();
    await chooseWorkbook(page, join(workbooks, "two-tables.xlsx"));
    const departments = page.getByRole("combobox", { name: "Sheet of your file for Departments" });
    assert.match(await departments.locator("option:checked").innerText(), /^Master data \(2\)/);
    await confirm();
    await page.getByRole("heading", { name: "5 rows imported" }).waitFor();
  });

  test("can have decimal commas and decimal points in one column", async () => {
    const { page, confirm, assertNoErrors } = await start("Staff");
    await chooseWorkbook(page, join(folder, "salaries.csv"));
    const note =
      "Of the first values, 2 have a decimal comma, and one has a decimal point. 2 can have either: choose what they mean.";
    await page.getByText(note).waitFor();
    await assertAccessible(page, "mixed decimals");
    await page.getByRole("radio", { name: "1234", exact: true }).check();
    await confirm();
    await page.getByRole("heading", { name: "5 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("asks about signs next to amounts", async () => {
    const { page, confirm, assertNoErrors } = await start("Payments");
    await chooseWorkbook(page, join(folder, "signs.csv"));
    await confirm();
    await page.getByRole("alert").getByText("Choose what the values of Amount mean.").waitFor();
    await page.getByRole("group", { name: "“1.250,50 S”" }).waitFor();
    await assertAccessible(page, "signs");
    await page.getByRole("radio", { name: "-1250.5" }).check();
    await confirm();
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("subtracts debits in their own column", async () => {
    const { page, confirm, assertNoErrors } = await start("Payments");
    await chooseWorkbook(page, join(folder, "debits.csv"));
    await page.getByText("99,00 · -1.250,50").waitFor();
    assert.equal(await page.getByRole("checkbox", { name: "Subtract Debit" }).isChecked(), true);
    await assertAccessible(page, "debits");
    await confirm();
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("asks about thousands of a header and Buddhist years", async () => {
    const { page, confirm, assertNoErrors } = await start("Staff");
    await chooseWorkbook(page, join(folder, "thousands.csv"));
    await confirm();
    await page.getByRole("alert").getByText("Choose what the values of Hired on and Salary mean.").waitFor();
    await assertAccessible(page, "thousands and years");
    await page.getByRole("radio", { name: "45500 (× 1000)" }).check();
    await page.getByRole("radio", { name: "2025-04-03" }).check();
    await confirm();
    await page.getByText("“-” is not a number.").first().waitFor();
    await page.getByRole("button", { name: "Import 2 rows" }).click();
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
    assertNoErrors();
  });

  test("asks what an ambiguous date means, even if all headers match", async () => {
    const { page, confirm } = await start();
    await chooseWorkbook(page, join(folder, "dates.csv"));
    await confirm();
    await page.getByRole("alert").getByText("Choose what the values of Hired on mean.").waitFor();
    const day = page.getByRole("radio", { name: "2019-04-03" });
    assert.equal(await day.evaluate((element) => element === document.activeElement), true);
    await assertAccessible(page, "an ambiguous date");
    await day.check();
    await confirm();
    await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
  });
});
