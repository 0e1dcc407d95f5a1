import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Text } from "@headway/client";
import { describe, expect, test } from "vitest";
import type { Message } from "../src/messages/catalogs.js";
import { write } from "../src/messages/text.js";
import { compile } from "../tools/compile-messages.mjs";

const folder = fileURLToPath(new URL("../../internal/messages", import.meta.url));
const compiled = (language: string): Record<string, Message> =>
  Object.fromEntries(
    Object.entries<string>(JSON.parse(readFileSync(`${folder}/issues.${language}.json`, "utf8"))).map(
      ([id, message]) => [id, compile(message)],
    ),
  );
const catalogs: Record<string, Record<string, Message>> = { en: compiled("en"), de: compiled("de") };
const catalog = (language: string) => catalogs[language] ?? {};

interface Example {
  text: Text;
  en: string;
  de: string;
}

const examples: Example[] = readFileSync(`${folder}/testdata/examples.jsonl`, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

describe("the messages of the server with parameters", () => {
  test.each(["en", "de"] as const)("are written by the page as by Go in %s", (language) => {
    const writer = { messages: catalog(language), language, locale: language };
    expect(examples.length).toBeGreaterThan(400);
    expect(new Set(examples.map(({ text }) => text.messageId)).size).toBe(Object.keys(writer.messages).length);
    const others = examples.filter((example) => write(example.text, writer) !== example[language]);
    expect(others.map((example) => [example.text.messageId, write(example.text, writer), example[language]])).toEqual(
      [],
    );
  });

  test("follow the variant of the language", () => {
    const writer = { messages: catalog("de"), language: "de", locale: "de-CH" };
    const text: Text = { messageId: "length.excel", parameters: { max: { count: 32767 } } };
    expect(write(text, writer)).toMatch(/mehr als 32['’]767 Zeichen/);
  });

  test("are those of the server if it is newer than the page, or has stored only a text", () => {
    const writer = { messages: catalog("de"), language: "de", locale: "de" };
    expect(write({ messageId: "of.later", parameters: {} }, writer)).toBeUndefined();
    expect(write({ messageId: "constructor", parameters: {} }, writer)).toBeUndefined();
    expect(write(undefined, writer)).toBeUndefined();
    expect(write({ messageId: "range.below", parameters: { column: { text: "A" } } }, writer)).toBeUndefined();
  });
});
