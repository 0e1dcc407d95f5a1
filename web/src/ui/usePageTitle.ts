import { useEffect } from "react";
import { texts } from "./texts.js";

/** Sets the title of the browser tab. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${texts.name}` : texts.name;
  }, [title]);
}
