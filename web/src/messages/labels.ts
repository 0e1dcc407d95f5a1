import { defaultLabels, germanLabels, type Labels } from "@headway/client/react";
import { type Language, language, locale } from "./language.js";
import { cellText, issueText } from "./server.js";

const allLabels: Record<Language, Labels> = { en: defaultLabels, de: germanLabels };
const labelsByLocale = new Map<string, Labels>();

/** The labels of the components of @headway/client. They are the same object while the language is the same. */
export function labels(): Labels {
  let found = labelsByLocale.get(locale());
  if (!found) {
    found = { ...allLabels[language()], locale: locale(), issueMessage: issueText, issueCell: cellText };
    labelsByLocale.set(locale(), found);
  }
  return found;
}
