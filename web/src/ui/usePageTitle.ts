import { useEffect } from "react";
import { texts } from "./texts.js";

/** Puts a text into the browser tab's title. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${texts.name}` : texts.name;
  }, [title]);
}
