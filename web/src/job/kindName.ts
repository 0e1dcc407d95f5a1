import { t } from "../messages/index.js";

/** The name of a kind of job. Imports have their own page. All other kinds have the names that their workers chose. */
export const kindName = (kind: string): string => (kind === "import" ? t("job.kindImport") : kind);
