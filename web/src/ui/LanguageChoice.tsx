import { t } from "../messages/index.js";
import { type Language, languages, setLanguage, useLanguage } from "../messages/language.js";

/** The choice of the page's language. Each language has its own name for itself. */
export function LanguageChoice() {
  const language = useLanguage();
  return (
    <select
      className="language"
      aria-label={t("ui.language")}
      value={language}
      onChange={(event) => setLanguage(event.target.value as Language)}
    >
      {Object.entries(languages).map(([tag, name]) => (
        <option key={tag} value={tag} lang={tag}>
          {name}
        </option>
      ))}
    </select>
  );
}
