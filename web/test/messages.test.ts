import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type MessageFormatElement, parse, TYPE } from "@formatjs/icu-messageformat-parser";
import { defaultLabels, germanLabels } from "@headway/client/react";
import { IntlMessageFormat } from "intl-messageformat";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { languages, negotiate, variant } from "../src/messages/language.js";
import { declare } from "../tools/generate-messages.mjs";

const source = fileURLToPath(new URL("../src", import.meta.url));
const read = (language: string): Record<string, string> =>
  JSON.parse(readFileSync(`${source}/messages/${language}.json`, "utf8"));
const catalogs: Record<string, Record<string, string>> = { en: read("en"), de: read("de") };
const { en = {}, de = {} } = catalogs;

/** The parameters of a message with their kinds: "n plural", "file argument". */
function parameters(message: string): string[] {
  const found = new Set<string>();
  const collect = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      if (element.type === TYPE.literal || element.type === TYPE.pound || element.type === TYPE.tag) continue;
      const number = element.type === TYPE.number || element.type === TYPE.plural;
      found.add(`${element.value} ${number ? "number" : TYPE[element.type]}`);
      if ("options" in element) for (const { value } of Object.values(element.options)) collect(value);
    }
  };
  collect(parse(message));
  return [...found].sort();
}

/** The plural forms of a message that its language needs and that are missing. */
function missingForms(message: string, language: string): string[] {
  const missing: string[] = [];
  const visit = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      if (!("options" in element)) continue;
      if (element.type === TYPE.plural) {
        const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
        const exact = (form: string) => form === "one" && element.options["=1"];
        // A message that only distinguishes zero has one form for all other numbers.
        if (Object.keys(element.options).join() === "=0,other") continue;
        missing.push(...forms.filter((form) => !element.options[form] && !exact(form)));
      }
      for (const { value } of Object.values(element.options)) visit(value);
    }
  };
  visit(parse(message));
  return missing;
}

/** The files of the page, with their trees. */
const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".gen.ts"))
  .map((name) => {
    const text = readFileSync(`${source}/${name}`, "utf8");
    return { name, text, tree: ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true) };
  });

/** Calls visit with every node of a file. */
function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

describe("the message catalogs", () => {
  test.each(Object.keys(languages))("%s has every message, with the same parameters", (language) => {
    const catalog = catalogs[language] ?? {};
    expect(Object.keys(catalog)).toEqual(Object.keys(en));
    for (const [key, message] of Object.entries(en))
      expect(parameters(catalog[key] ?? ""), key).toEqual(parameters(message));
  });

  test.each(Object.keys(languages))("%s has the plural forms of its language", (language) => {
    for (const [key, message] of Object.entries(catalogs[language] ?? {}))
      expect(missingForms(message, language), key).toEqual([]);
  });

  test.each(Object.keys(languages))("%s names what the page has in the notice about a format", (language) => {
    const issues = fileURLToPath(new URL(`../../internal/messages/issues.${language}.json`, import.meta.url));
    const notice = JSON.parse(readFileSync(issues, "utf8"))["notice.text_format"];
    const { [language]: page = {} } = catalogs;
    expect(notice).toContain(page["importScreen.change"]);
    expect(notice.toLowerCase()).toContain(page["formats.encoding"]?.toLowerCase());
    expect(notice.toLowerCase()).toContain(page["formats.delimiter"]?.toLowerCase());
  });

  test.each(Object.keys(languages))("%s can be formatted", (language) => {
    for (const [key, message] of Object.entries(catalogs[language] ?? {})) {
      const values = Object.fromEntries(
        parameters(message).map((each) => [each.split(" ")[0], each.endsWith("number") ? 1234 : "x"]),
      );
      const text = new IntlMessageFormat(message, language).format(values) as string;
      if (key !== "jobScreen.answerInvalid") expect(text, key).not.toMatch(/[{}]/);
      if (/#|, number/.test(message)) expect(text, key).toMatch(language === "de" ? /1\.234/ : /1,234/);
    }
  });

  test("no German message is still in English", () => {
    const same = Object.entries(en).filter(([key, message]) => de[key] === message);
    const words = same.filter(([, message]) => /[a-z]/i.test(message.replace(/\{[^}]*\}/g, "")));
    expect(words.map(([key]) => key)).toEqual([
      "ui.name",
      "ui.details",
      "ui.time.seconds",
      "ui.time.minutes",
      "ui.time.hours",
      "job.kindImport",
      "job.perSecond",
      "shell.nav.start",
      "shell.nav.docs",
      "mapping.nameToSave",
      "formats.unicode",
      "upload.optional",
      "signIn.token",
    ]);
  });

  test("German quotation marks are German", () => {
    for (const [key, message] of Object.entries(de)) expect(message, key).not.toMatch(/”|"|“[^“]*”/);
  });

  test("the types of the parameters are generated from the English messages", () => {
    expect(readFileSync(`${source}/messages/messages.gen.ts`, "utf8")).toBe(declare(en));
  });

  test("the page uses every message", () => {
    const used = new Set<string>();
    const patterns: RegExp[] = [];
    for (const { tree } of files) {
      walk(tree, (node) => {
        if (ts.isStringLiteral(node)) used.add(node.text);
        if (!ts.isTemplateExpression(node)) return;
        const parts = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
        // A key that is put together begins with its area: `jobs.filters.${name}`.
        if (/^\w+\./.test(node.head.text))
          patterns.push(new RegExp(`^${parts.map((part) => part.replaceAll(".", "\\.")).join("\\w+")}$`));
      });
    }
    const unused = Object.keys(en).filter((key) => !used.has(key) && !patterns.some((pattern) => pattern.test(key)));
    expect(unused).toEqual([]);
  });

  test("components contain no texts", () => {
    const own: string[] = [];
    for (const { name, tree } of files) {
      walk(tree, (node) => {
        const report = (text: string) => /\p{L}{2}/u.test(text) && own.push(`${name}: ${text.trim()}`);
        if (ts.isJsxText(node)) {
          const parent = node.parent;
          const isCode = ts.isJsxElement(parent) && parent.openingElement.tagName.getText() === "code";
          if (!isCode) report(node.text);
        }
        if (
          ts.isJsxAttribute(node) &&
          /^(title|alt|placeholder|aria-label|aria-valuetext)$/.test(node.name.getText())
        ) {
          if (node.initializer && ts.isStringLiteral(node.initializer)) report(node.initializer.text);
        }
      });
    }
    expect(own).toEqual([]);
  });
});

describe("the messages about what the server reports", () => {
  const messages = read("server.de");
  const proto = (name: string) => readFileSync(`${source}/../../proto/headway/${name}`, "utf8");
  const keys = (area: string) =>
    Object.keys(messages)
      .filter((key) => key.startsWith(`${area}.`))
      .map((key) => key.slice(area.length + 1));

  test("there is one for every reason that a page can meet", () => {
    const reasons = [...proto("errors/v1/error_reason.proto").matchAll(/ERROR_REASON_(\w+) = [1-9]/g)].map(
      ([, reason]) => reason,
    );
    expect(reasons.length).toBeGreaterThan(80);
    const ofWorkers = /^(LEASE_LOST|STEP_UNKNOWN|PROGRESS_INVALID|SNAPSHOT_TOO_LARGE|OUTPUT_\w+|WORKER_RELEASED)$/;
    const ofClients =
      /^(CALLER_GONE|REQUEST_REPLAYED|SAME_FILE|TICKET_INVALID|RANGE_NOT_SATISFIABLE|DECISION_NEEDED|TUS_VERSION_UNSUPPORTED)$/;
    const shown = reasons.filter(
      (reason = "") => !ofWorkers.test(reason) && !ofClients.test(reason) && !en[`ui.error.${reason}`],
    );
    expect(keys("error").sort()).toEqual(shown.sort());
  });

  test("they have only parameters that they get", () => {
    const given: Record<string, string[]> = {
      error: [],
      progress: ["sheet", "done", "total", "rows"],
    };
    for (const [key, message] of Object.entries(messages)) {
      for (const parameter of parameters(message))
        expect(given[key.split(".")[0] ?? ""], key).toContain(parameter.split(" ")[0]);
      expect(missingForms(message, "de"), key).toEqual([]);
      expect(message, key).not.toMatch(/”|"|“[^“]*“/);
    }
  });
});

describe("the labels of the components", () => {
  const shape = (value: unknown): unknown =>
    typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shape(each)]))
      : typeof value;

  test("are complete in German", () => {
    expect({ ...(shape(germanLabels) as object), locale: "", units: {} }).toEqual({
      ...(shape(defaultLabels) as object),
      locale: "",
      units: {},
    });
  });

  test("are not English in German", () => {
    const texts = (value: unknown): string[] =>
      typeof value === "string"
        ? [value]
        : typeof value === "object" && value
          ? Object.values(value).flatMap(texts)
          : [];
    const english = new Set(texts(defaultLabels));
    expect(texts(germanLabels).filter((text) => english.has(text))).toEqual([]);
  });
});

describe("the language of the page", () => {
  test.each([
    [["de-AT", "en"], "de"],
    [["fr", "de"], "de"],
    [["fr-FR", "it"], "en"],
    [["EN-gb", "de"], "en"],
    [[], "en"],
    [["constructor"], "en"],
  ])("for %j is %s", (preferred, language) => expect(negotiate(preferred)).toBe(language));

  test.each([
    ["de", ["en-US", "de-CH"], "de-CH"],
    ["de", ["en-US"], "de"],
    ["en", ["de-DE", "en-GB"], "en-GB"],
  ] as const)("%s with %j writes numbers as %s", (language, preferred, tag) =>
    expect(variant(language, preferred)).toBe(tag),
  );
});
