import type { Labels } from "@headway/client/react";
import { catalog } from "./catalogs.js";
import { language, locale } from "./language.js";
import { cellText, issueText } from "./server.js";

const labelsByLocale = new Map<string, Labels>();

/** The labels of the components of @headway/client. They are the same object while the language is the same. */
export function labels(): Labels {
  let found = labelsByLocale.get(locale());
  if (!found) {
    found = { ...catalog(language()).labels, locale: locale(), issueMessage: issueText, issueCell: cellText };
    labelsByLocale.set(locale(), found);
  }
  return found;
}
