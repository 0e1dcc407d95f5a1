// Imports that are repeated: the user changes the columns after the errors, without uploading the file again.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { assertAccessible, assertFits, open, openOptions, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const people = `
name: people
title: People
sheets:
  - name: people
    title: People
    key: number
    columns:
      - {name: number, title: Personnel number, type: text, required: true}
      - {name: last_name, title: Last name, type: text, required: true}
      - {name: email, title: E-mail, type: email}
      - {name: hired_on, title: Hired on, type: date}
`;

const folder = mkdtempSync(join(tmpdir(), "headway-repeat-"));
setUp(() => {
  writeFileSync(join(folder, "people.yaml"), people);
  return [`--schemas-dir=${folder}`];
});

let files = 0;
/** Writes a file whose headers no other file has, because the columns that a user chooses are remembered for the same headers. */
function newFile() {
  const file = join(folder, `staff-${++files}.csv`);
  writeFileSync(
    file,
    `Personnel number,Last name,E-mail,Private mail,Hired on,Room ${files}
1,Ames,,ann@example.com,2019-03-04,1
2,Bond,-,bob@example.com,2020-11-30,2
`,
  );
  return file;
}
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Imports the file with an option, and counts the parts of files that the page sends.
 * @param {import("playwright-core").BrowserContextOptions} options
 * @param {(page: import("playwright-core").Page) => Promise<void>} [choose]
 */
async function start(options, choose) {
  const opened = await open(browser, headway.address, options);
  /** @type {string[]} */
  const sent = [];
  opened.page.on("request", (request) => {
    if (request.method() === "PATCH") sent.push(request.url());
  });
  await opened.page.locator("main select").first().selectOption({ label: "People" });
  await choose?.(opened.page);
  const choosing = opened.page.waitForEvent("filechooser");
  await opened.page.getByRole("button", { name: /^(Choose file|Datei wählen)$/ }).click();
  await (await choosing).setFiles(newFile());
  return { ...opened, sent };
}

test("the columns of an import in review are changed", async () => {
  const { page, sent, assertNoErrors } = await start({});
  await waitForStatus(page, "waiting");
  const asked = page.url();
  await assertAccessible(page, "the review");
  await page.getByRole("button", { name: "Change columns" }).click();
  const question = page.getByRole("region", { name: "Check your columns" });
  const email = question.getByRole("combobox", { name: "E-mail", exact: true });
  assert.equal(await email.inputValue(), "E-mail");
  await assertAccessible(page, "the columns");
  await page.getByRole("button", { name: "Back to the import" }).click();
  await page.getByRole("heading", { name: "Import the other 1 row?" }).waitFor();

  await page.getByRole("button", { name: "Change columns" }).click();
  await email.selectOption("Private mail");
  await page.getByRole("button", { name: "Import with these columns" }).click();
  await page.getByRole("heading", { name: "2 rows imported" }).waitFor();
  assert.notEqual(page.url(), asked);
  assert.equal(sent.length, 1, "the file is sent once");
  await page.goto(asked);
  await page.getByRole("heading", { name: "You chose not to import" }).waitFor();
  assertNoErrors();
});

test("an import that was aborted is repeated with other columns", async () => {
  const { page, sent, assertNoErrors } = await start({ viewport: { width: 360, height: 800 } }, async (page) => {
    await openOptions(page);
    await page.getByRole("radio", { name: /^Don't import anything/ }).check();
  });
  await waitForStatus(page, "failed");
  await assertFits(page, "the verdict");
  await page.getByRole("button", { name: "Change columns" }).click();
  const question = page.getByRole("region", { name: "Check your columns" });
  await question.getByRole("combobox", { name: "Last name", exact: true }).selectOption("");
  await page.getByRole("button", { name: "Import with these columns" }).click();
  await page.getByRole("alert").getByText("Choose a column for Last name.").waitFor();
  await question.getByRole("combobox", { name: "Last name", exact: true }).selectOption("Last name");
  await question.getByRole("combobox", { name: "E-mail", exact: true }).selectOption("Private mail");
  await page.getByRole("button", { name: "Import with these columns" }).click();
  await waitForStatus(page, "completed");
  assert.equal(sent.length, 1, "the file is sent once");
  assertNoErrors();
});

test("a file that was tested is imported, in German", async () => {
  const { page, sent, assertNoErrors } = await start({ locale: "de-DE" }, async (page) => {
    await page.getByText("Importoptionen").click();
    await page.getByRole("switch", { name: /Nur testen/ }).check();
  });
  await page.getByRole("heading", { name: "Test beendet: Es wurde nichts gespeichert" }).waitFor();
  await page.getByRole("button", { name: "Diese Datei jetzt importieren" }).click();
  await waitForStatus(page, "waiting");

  // The server's error about the columns is as exact as in English.
  await page.getByRole("button", { name: "Spalten ändern" }).click();
  const email = page.getByRole("combobox", { name: "E-mail", exact: true });
  await email.selectOption({ label: "Gleicher Wert in jeder Zeile…" });
  await page.getByRole("textbox", { name: "Wert für E-mail in jeder Zeile" }).fill("bald");
  await page.getByRole("button", { name: "Mit diesen Spalten importieren" }).click();
  await page.getByText(/^Der feste Wert der Spalte „E-mail“ ist nicht gültig\. „bald“/).waitFor();
  assert.equal(sent.length, 1, "the file is sent once");
  assertNoErrors();
});

test("an import whose response is lost is not repeated twice", async () => {
  const { page } = await start({}, async (page) => {
    await openOptions(page);
    await page.getByRole("switch", { name: /^Test only/ }).check();
  });
  await page.getByRole("heading", { name: /^Test finished/ }).waitFor();
  /** @type {string[]} */
  const created = [];
  await page.route(/:repeat$/, async (route) => {
    const response = await route.fetch();
    created.push((await response.json()).import.importId);
    if (created.length === 1 || created.length === 3) await route.abort();
    else await route.fulfill({ response });
  });
  const now = page.getByRole("button", { name: "Import this file now" });
  await now.click();
  await page.getByRole("alert").waitFor();
  await now.click();
  await waitForStatus(page, "waiting");
  await page.getByRole("button", { name: "Change columns" }).click();
  await page.getByRole("combobox", { name: "E-mail", exact: true }).selectOption("Private mail");
  const withThese = page.getByRole("button", { name: "Import with these columns" });
  await withThese.click();
  await page.getByRole("alert").waitFor();
  await withThese.click();
  await waitForStatus(page, "completed");
  assert.equal(created[0], created[1], "the button");
  assert.equal(created[2], created[3], "the columns");
  assert.equal(new Set(created).size, 2);
});
