// The page in German: every screen of an import, without a word of English from the page or the server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assertAccessible, assertFits, open, openOptions, picture, sizes, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

setUp();

/** @type {(name: string) => Record<string, string>} */
const catalog = (name) =>
  JSON.parse(readFileSync(new URL(`../../web/src/messages/${name}.json`, import.meta.url), "utf8"));
const de = catalog("de");

/** English messages without parameters that are different in German. */
const english = Object.entries(catalog("en")).flatMap(([key, text]) =>
  text === de[key] || /[{}]/.test(text) ? [] : [text],
);

/** Words that only English messages have. The contents of the file do not have them. */
const words = /\b(the|is not|are|were|rows?|sheets?|enter|upload|this|your)\b/i;

/**
 * Returns the texts of the page that are in English: those that users see, and the names for screen readers. Cells of files
 * and names of schemas are excluded.
 * @param {import("playwright-core").Page} page
 */
async function englishTexts(page) {
  const texts = await page.evaluate(() => {
    /** @type {string[]} */
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement?.closest("[lang=en], code, .headway-issue-value, .schema, .other-jobs, script")) continue;
      if (node.textContent?.trim()) found.push(node.textContent.trim());
    }
    for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")) {
      for (const name of ["aria-label", "title", "placeholder", "alt"]) {
        const text = element.getAttribute(name);
        if (text) found.push(text);
      }
    }
    return found;
  });
  assert.ok(texts.length > 5, `the page has only ${texts.length} texts`);
  return texts.filter((text) => english.includes(text) || words.test(text.replace(/„[^“]*“/g, "")));
}

const german = { locale: "de-DE" };

/**
 * @param {import("playwright-core").Page} page
 * @param {Parameters<import("playwright-core").FileChooser["setFiles"]>[0]} file
 */
async function choose(page, file) {
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Datei wählen" }).click();
  await (await choosing).setFiles(file);
}

/**
 * Returns the text of a file of the page.
 * @param {import("playwright-core").Page} page
 * @param {string} name begins the name of its link
 * @returns {Promise<string>}
 */
async function download(page, name) {
  const href = await page.getByRole("link", { name: new RegExp(`^${name}`) }).getAttribute("href");
  return page.evaluate(async (url) => (await fetch(url)).text(), href ?? "");
}

describe("a browser in German", () => {
  test("shows an import with errors in German, from the first page to the last", async () => {
    const { page, assertNoErrors } = await open(browser, headway.address, german);
    await page.getByRole("heading", { name: "Datei importieren" }).waitFor();
    assert.equal(await page.evaluate("document.documentElement.lang"), "de");
    await page.getByText("Importoptionen").click();
    assert.deepEqual(await englishTexts(page), []);
    await assertAccessible(page);
    await picture(page, "german-start");

    await choose(page, headway.sample(20_000, 12));
    await waitForStatus(page, "waiting");
    await page.getByRole("button", { name: /^19\.\d{3} Zeilen importieren|^\d\d\.\d{3} Zeilen importieren/ }).waitFor();
    await page.locator(".headway-issue-code").first().waitFor();
    assert.deepEqual(await englishTexts(page), []);
    await assertAccessible(page);
    await picture(page, "german-review");

    await page.getByRole("button", { name: /Zeilen importieren$/ }).click();
    await waitForStatus(page, "completed");
    await page.getByRole("heading", { name: /^\d\d\.\d{3} Zeilen importiert$/ }).waitFor();
    assert.deepEqual(await englishTexts(page), []);
    await picture(page, "german-verdict");
    const list = await download(page, "Fehlerliste");
    assert.match(list, /„[^“]+“/);
    assert.match(list, /Korrigieren Sie/);
    assert.doesNotMatch(list, /Correct the value|Enter a/);

    await page.getByRole("link", { name: "Aufträge" }).click();
    await page.getByRole("heading", { name: "Aufträge" }).waitFor();
    await page.getByText(/\d\d\.\d{3} Zeilen importiert/).waitFor();
    assert.deepEqual(await englishTexts(page), []);
    await picture(page, "german-jobs");
    assertNoErrors();
  });

  test("says what is wrong as exactly as in English", async () => {
    const { page } = await open(browser, headway.address, german);
    await page.getByRole("heading", { name: "Datei importieren" }).waitFor();
    await choose(page, headway.sample(2_000, 200));
    // Some dates have several meanings, which the page asks about first.
    await page.getByRole("radio", { name: "2021-04-03" }).check();
    await page.getByRole("button", { name: "Mit diesen Spalten importieren" }).click();
    await waitForStatus(page, "waiting");
    await page.locator(".headway-issue-code").first().waitFor();
    const id = new URL(page.url()).pathname.split("/").at(-1);
    const { issues } = await page.evaluate(
      async (url) => (await fetch(url)).json(),
      `/api/v1/imports/${id}/issues?page_size=1000`,
    );
    assert.ok(issues.length >= 200);
    for (const issue of issues) assert.ok(issue.text?.messageId, `${issue.cell} has no message ID: ${issue.message}`);
    for (const [id, wanted] of Object.entries({
      duplicate: /steht schon in \S+![A-Z]+\d+\. Ändern Sie/,
      "reference.missing": /hat keine Zeile mit .*, weder in dieser Datei noch/,
    })) {
      const issue = issues.find((/** @type {{text: {messageId: string}}} */ each) => each.text.messageId === id);
      assert.ok(issue, `no issue is ${id}`);
      const search = page.getByRole("searchbox");
      await search.fill(issue.cell);
      const row = page.locator(".headway-issue").filter({ hasText: issue.cell }).filter({ hasText: wanted });
      await row.first().waitFor();
    }
    // The search finds words of the German messages.
    await page.getByRole("searchbox").fill("weder in dieser Datei");
    const others = page.locator(".headway-issue[aria-rowindex]").filter({ hasNotText: "weder in dieser Datei" });
    await others.first().waitFor({ state: "detached" });
    await page.locator(".headway-issue").filter({ hasText: "hat keine Zeile mit" }).first().waitFor();
    assert.deepEqual(await englishTexts(page), []);
    await picture(page, "german-errors");
  });

  test("writes the readings of a number as in German", async () => {
    const { page } = await open(browser, headway.address, german);
    const head = "Employee ID;Full name;E-mail;Department code;Designation code;Hired on;Salary;Active\n";
    const row = "100401;Ina Abel;ina@example.com;SALES;CLK;2019-04-03;45.250;ja\n";
    await choose(page, { name: "staff.csv", mimeType: "text/csv", buffer: Buffer.from(head + row) });
    await page.getByRole("radio", { name: "45250", exact: true }).waitFor();
    await page.getByRole("radio", { name: "45,25", exact: true }).waitFor();
  });

  test("has files in German, and a program by Accept-Language", async () => {
    const get = async (/** @type {string} */ language, query = "") => {
      const path = `${headway.address}/api/v1/schemas/workforce/template.xlsx${query}`;
      const context = await browser.newContext({ extraHTTPHeaders: { "Accept-Language": language } });
      await headway.signIn(context);
      const response = await context.request.get(path);
      assert.equal(response.status(), 200);
      assert.match(response.headers().vary ?? "", /Accept-Language/);
      return (await response.body()).length;
    };
    const [english, german, chosen, other] = [
      await get("en-GB"),
      await get("de-AT, en;q=0.5"),
      await get("en", "?language=de"),
      await get("fr"),
    ];
    assert.equal(chosen, german);
    assert.equal(other, english);
    assert.notEqual(german, english);
  });

  test("shows a refused file in German, with the server's words under the details", async () => {
    const { page } = await open(browser, headway.address, german);
    await choose(page, { name: "leer.xlsx", mimeType: "", buffer: Buffer.from("PK\u0003\u0004 not a workbook") });
    await page.getByRole("alert").waitFor();
    assert.deepEqual(await englishTexts(page), []);
    await picture(page, "german-refused");
  });

  test("fits a phone", async () => {
    const { page } = await open(browser, headway.address, { ...german, viewport: sizes.narrow });
    await page.getByRole("heading", { name: "Datei importieren" }).waitFor();
    await assertFits(page);
    await picture(page, "german-phone");
  });
});

describe("the choice of a language", () => {
  test("changes all texts immediately, and is kept", async () => {
    const { page, context } = await open(browser, headway.address);
    await openOptions(page);
    const other = await context.newPage();
    await other.goto(headway.address);
    await page.getByLabel("Language").selectOption("Deutsch");
    await page.getByRole("heading", { name: "Datei importieren" }).waitFor();
    // The other tab changes too, and the form keeps its state.
    await other.getByRole("heading", { name: "Datei importieren" }).waitFor();
    assert.ok(await page.getByText("Zuerst nachfragen").isVisible());
    await page.reload();
    await page.getByRole("heading", { name: "Datei importieren" }).waitFor();
    await page.getByLabel("Sprache").selectOption("English");
    await page.getByRole("heading", { name: "Import your file" }).waitFor();
    assert.equal(await page.evaluate("document.documentElement.lang"), "en");
  });
});
