/**
 * A Vite plugin that parses the ICU messages of src/messages and internal/messages at build time, so that the page needs no parser: a message without
 * parameters becomes its text, and any other message the tree that IntlMessageFormat takes.
 */
import { fileURLToPath } from "node:url";
import { parse, TYPE } from "@formatjs/icu-messageformat-parser";

const withoutParser = fileURLToPath(import.meta.resolve("@formatjs/icu-messageformat-parser/no-parser.js"));

/** Returns the text of a message without parameters, or else its tree. */
export function compile(message) {
  const tree = parse(message);
  if (tree.length === 1 && tree[0].type === TYPE.literal) return tree[0].value;
  return tree;
}

/** The plugin. */
export const messages = () => ({
  name: "headway-messages",
  enforce: "pre",
  // Without the parser, the page is smaller. The tests need it.
  config: (_, { command }) =>
    command === "build" ? { resolve: { alias: { "@formatjs/icu-messageformat-parser": withoutParser } } } : {},
  transform(code, id) {
    if (!/\/(src|internal)\/messages\/[\w.]+\.json$/.test(id)) return undefined;
    const compiled = Object.entries(JSON.parse(code)).map(([key, message]) => [key, compile(message)]);
    return { code: JSON.stringify(Object.fromEntries(compiled)), map: null };
  },
});
