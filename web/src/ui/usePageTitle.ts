import { useEffect } from "react";
import { t } from "../messages/index.js";

/** Sets the title of the browser tab. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${t("ui.name")}` : t("ui.name");
  }, [title]);
}
