/**
 * The messages of each language. The texts of the page in English are part of it, and the others are loaded when needed. Until the English
 * ones about issues are loaded, the page shows the server's, which are the same.
 */
import { defaultLabels, type Labels } from "@headway/client/react";
import type { IntlMessageFormat } from "intl-messageformat";
import en from "./en.json";
import type { Messages } from "./messages.gen.js";

/** A message as web/tools/compile-messages.mjs compiles it: a text, or a tree if it has parameters. */
export type Message = string | ConstructorParameters<typeof IntlMessageFormat>[0];

interface Catalog {
  /** The texts of the page. */
  page: Record<keyof Messages, Message>;
  /** The messages about errors and the progress of imports. In English, they are the server's own. */
  server: Record<string, Message>;
  /** The messages that the server has with parameters: issues, root causes, and notices. */
  issues: Record<string, Message>;
  /** The texts of the client's components. */
  labels: Labels;
}

const english: Catalog = { page: en, server: {}, issues: {}, labels: defaultLabels };
const catalogs = new Map<string, Catalog>([["en", english]]);

/** Returns the catalog of a language that has been loaded, or the English one. */
export const catalog = (language: string): Catalog => catalogs.get(language) ?? english;

/** Reports whether the messages of a language have been loaded. */
export const isLoaded = (language: string): boolean => catalogs.has(language);

/** Loads the messages of a language. */
export async function load(language: string): Promise<void> {
  if (language === "en") {
    if (catalog(language) !== english) return;
    const issues = await import("../../../internal/messages/issues.en.json");
    catalogs.set(language, { ...english, issues: issues.default });
    return;
  }
  if (isLoaded(language)) return;
  const [page, server, issues, { germanLabels }] = await Promise.all([
    import("./de.json"),
    import("./server.de.json"),
    import("../../../internal/messages/issues.de.json"),
    import("../../../clients/ts/src/react/labels.de.js"), // "@headway/client/react" has them too, but would not be split
  ]);
  catalogs.set(language, { page: page.default, server: server.default, issues: issues.default, labels: germanLabels });
}
