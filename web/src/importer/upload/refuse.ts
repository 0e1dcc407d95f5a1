import { t } from "../../messages/index.js";
import { formatBytes } from "../../ui/format.js";

/** Checks a file before the upload. It returns why the file can't be imported, or "". The server checks everything else. */
export function refuse(file: File, maxBytes: number): string {
  if (file.size === 0) return t("upload.empty");
  if (maxBytes > 0 && file.size > maxBytes)
    return t("upload.tooLarge", { size: formatBytes(file.size), limit: formatBytes(maxBytes) });
  if (/\.(pdf|docx?|png|jpe?g)$/i.test(file.name)) return t("upload.notExcel", { name: file.name });
  return "";
}
