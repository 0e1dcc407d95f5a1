import { useSyncExternalStore } from "react";
import { isLoaded, load } from "./catalogs.js";

/** The languages of the page, each with its own name for itself. */
export const languages = { en: "English", de: "Deutsch" } as const;

export type Language = keyof typeof languages;

const stored = "headway.language";

const isLanguage = (name: string | null | undefined): name is Language => !!name && Object.hasOwn(languages, name);

const primary = (tag: string) => tag.split("-")[0]?.toLowerCase();

/** Returns the first of the preferred languages that the page has, or English. */
export function negotiate(preferred: readonly string[]): Language {
  return preferred.map(primary).find(isLanguage) ?? "en";
}

/** Returns the tag for numbers and dates: the preferred variant of a language, such as de-CH, or the language itself. */
export function variant(language: Language, preferred: readonly string[]): string {
  return preferred.find((tag) => primary(tag) === language) ?? language;
}

/** Returns the language that the user has chosen, or else that of the browser. */
function initial(): Language {
  try {
    const chosen = localStorage.getItem(stored);
    if (isLanguage(chosen)) return chosen;
  } catch {
    // Without storage, the choice lasts until the page is left.
  }
  return negotiate(preferred());
}

const preferred = (): readonly string[] => globalThis.navigator?.languages ?? [];

let current: Language = "en";
let tag = variant(current, preferred());
let wanted: Language = current;
const listeners = new Set<() => void>();

/** Returns the language of the page. */
export const language = (): Language => current;

/** Returns the BCP 47 tag for numbers and dates. */
export const locale = (): string => tag;

/** Changes the language when its messages have been loaded. If they can't be, the page keeps its language. */
async function change(to: Language): Promise<void> {
  wanted = to;
  await load(to).catch(() => undefined);
  if (wanted !== to || !isLoaded(to)) return;
  current = to;
  tag = variant(to, preferred());
  if (typeof document !== "undefined") document.documentElement.lang = to; // for assistive technology and the browser
  for (const listener of listeners) listener();
}

/** Resolves when the page can be shown in its first language. */
export const languageReady: Promise<void> = change(initial());

/** Changes the language of all open pages of this browser, and stores the choice. */
export function setLanguage(to: Language): void {
  try {
    localStorage.setItem(stored, to);
  } catch {
    // Without storage, only this page changes.
  }
  void change(to);
}

globalThis.window?.addEventListener("storage", ({ key, newValue }) => {
  if (key === stored && isLanguage(newValue) && newValue !== wanted) void change(newValue);
});

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** The language of the page. The component renders again when it changes. */
export const useLanguage = (): Language => useSyncExternalStore(subscribe, language, language);
