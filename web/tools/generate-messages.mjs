/**
 * Writes src/messages/messages.gen.ts: the key of every message with the types of its parameters, so that a misspelled key or
 * a missing parameter does not compile.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parse, TYPE } from "@formatjs/icu-messageformat-parser";

const file = (name) => fileURLToPath(new URL(`../src/messages/${name}`, import.meta.url));

/** Adds the parameters of a parsed message to a map from names to TypeScript types. */
function collect(elements, parameters) {
  for (const element of elements) {
    if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
    const numeric = element.type === TYPE.number || element.type === TYPE.plural;
    parameters.set(element.value, numeric ? "number" : "string");
    for (const { value } of Object.values(element.options ?? {})) collect(value, parameters);
  }
  return parameters;
}

/** Returns the text of messages.gen.ts for a catalog. */
export function declare(catalog) {
  const lines = Object.entries(catalog).map(([key, message]) => {
    const parameters = [...collect(parse(message), new Map())].map(([name, type]) => `${name}: ${type}`);
    return `  "${key}": ${parameters.length ? `{ ${parameters.join("; ")} }` : "undefined"};\n`;
  });
  return `// Generated from en.json by web/tools/generate-messages.mjs. Do not edit.\n\n/** The messages with their parameters. */\nexport interface Messages {\n${lines.join("")}}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(file("messages.gen.ts"), declare(JSON.parse(await readFile(file("en.json"), "utf8"))));
}
