import { formatBytes } from "../../ui/format.js";
import { texts } from "./texts.js";

/** Checks a file before the upload. It returns why the file can't be imported, or "". The server checks everything else. */
export function refuse(file: File, maxBytes: number): string {
  if (file.size === 0) return texts.empty;
  if (maxBytes > 0 && file.size > maxBytes) return texts.tooLarge(formatBytes(file.size), formatBytes(maxBytes));
  if (/\.(pdf|docx?|png|jpe?g|zip)$/i.test(file.name)) return texts.notExcel(file.name);
  return "";
}
