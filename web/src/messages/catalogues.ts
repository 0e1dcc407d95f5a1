/** The messages of each language. Those of English are part of the page, and those of other languages are loaded when needed. */
import type { IntlMessageFormat } from "intl-messageformat";
import en from "./en.json";
import type { Messages } from "./messages.gen.js";

/** A message as web/tools/compile-messages.mjs compiles it: a text, or a tree if it has parameters. */
export type Message = string | ConstructorParameters<typeof IntlMessageFormat>[0];

interface Catalogue {
  /** The texts of the page. */
  page: Record<keyof Messages, Message>;
  /** The messages about what the server reports. In English, they are the server's own. */
  server: Record<string, Message>;
}

const english: Catalogue = { page: en, server: {} };
const catalogues = new Map<string, Catalogue>([["en", english]]);

/** Returns the catalogue of a language that has been loaded, or the English one. */
export const catalogue = (language: string): Catalogue => catalogues.get(language) ?? english;

/** Reports whether the messages of a language have been loaded. */
export const isLoaded = (language: string): boolean => catalogues.has(language);

/** Loads the messages of a language. */
export async function load(language: string): Promise<void> {
  if (isLoaded(language)) return;
  const [page, server] = await Promise.all([import("./de.json"), import("./server.de.json")]);
  catalogues.set(language, { page: page.default, server: server.default });
}
