import { t } from "../messages/index.js";

/** The mark, three bars that rise, and the name. */
export function Logo() {
  return (
    <span className="logo">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect className="logo-ground" width="32" height="32" rx="8" />
        <rect className="logo-bar" x="7" y="17" width="4.5" height="8" rx="1.5" opacity=".55" />
        <rect className="logo-bar" x="13.75" y="12" width="4.5" height="13" rx="1.5" opacity=".78" />
        <rect className="logo-bar" x="20.5" y="7" width="4.5" height="18" rx="1.5" />
      </svg>
      {t("ui.name")}
    </span>
  );
}
