import type { TextFormat } from "@headway/client";
import type { MappingEditor } from "@headway/client/react";
import { t } from "../../messages/index.js";

/** The characters between values, with their labels. Others are detected, but can't be chosen. */
const delimiters = [
  [",", "formats.comma"],
  [";", "formats.semicolon"],
  ["\t", "formats.tab"],
  ["|", "formats.bar"],
  [" ", "formats.space"],
  [":", "formats.colon"],
  ["none", "formats.single"],
] as const;

/** The names of encodings, with the labels of where they are used. */
const encodings = [
  ["UTF-8", "formats.unicode"],
  ["UTF-16LE", "formats.unicode"],
  ["windows-1252", "formats.western"],
  ["ISO-8859-15", "formats.western"],
  ["IBM850", "formats.western"],
  ["windows-1250", "formats.central"],
  ["ISO-8859-2", "formats.central"],
  ["IBM852", "formats.central"],
  ["windows-1251", "formats.cyrillic"],
  ["KOI8-R", "formats.cyrillic"],
  ["IBM866", "formats.cyrillic"],
  ["windows-1253", "formats.greek"],
  ["windows-1254", "formats.turkish"],
  ["windows-1255", "formats.hebrew"],
  ["windows-1256", "formats.arabic"],
  ["windows-1257", "formats.baltic"],
  ["Shift_JIS", "formats.japanese"],
  ["EUC-JP", "formats.japanese"],
  ["GB18030", "formats.chinese"],
  ["Big5", "formats.chinese"],
  ["macintosh", "formats.mac"],
] as const;

const delimiterText = (delimiter = "") => {
  const label = delimiters.find(([character]) => character === delimiter)?.[1];
  return label ? t(label) : delimiter;
};

const encodingText = (name = "") => {
  const label = encodings.find(([each]) => each === name)?.[1];
  return label ? t("formats.encodingOf", { name, use: t(label) }) : name;
};

/** How the text files are read: the server's guesses, which the user can overrule. Other files have none. */
export function FormatFields({ editor }: { editor: MappingEditor }) {
  const { preview, formats } = editor;
  if (!preview) return null;
  const { textFormat, textFormats = {} } = preview;
  const several = Object.entries(textFormats).sort(([a], [b]) => a.localeCompare(b));
  if (!textFormat && several.length === 0) return null;
  return (
    <details className="mapping-sheet mapping-formats">
      <summary>
        <h3>{t("formats.heading", { n: several.length || 1 })}</h3>
        <span className="muted">{textFormat ? describe(textFormat) : t("formats.files", { n: several.length })}</span>
      </summary>
      <p className="fine muted">{t("formats.hint")}</p>
      {textFormat && (
        <FileFormat
          read={textFormat}
          chosen={formats.textFormat}
          onChange={(format) => editor.chooseFormat(undefined, format)}
        />
      )}
      {several.map(([file, read]) => (
        <FileFormat
          key={file}
          file={file}
          read={read}
          chosen={formats.textFormats?.[file]}
          onChange={(format) => editor.chooseFormat(file, format)}
        />
      ))}
    </details>
  );
}

const describe = ({ encoding, delimiter }: TextFormat) => `${encodingText(encoding)} · ${delimiterText(delimiter)}`;

interface FileFormatProps {
  file?: string;
  /** How the server has read the file. */
  read: TextFormat;
  /** What the user has set. */
  chosen: TextFormat | undefined;
  onChange: (format: TextFormat) => void;
}

/** The fields of one file. Fields that the user doesn't set are detected. */
function FileFormat({ file, read, chosen = {}, onChange }: FileFormatProps) {
  const set = (part: "delimiter" | "encoding", value: string) => {
    const { [part]: _, ...rest } = chosen;
    onChange(value ? { ...rest, [part]: value } : rest);
  };
  const automatic = (value: string | undefined, detected: string) =>
    value ? t("formats.automatic") : t("formats.detected", { detected });
  return (
    <fieldset className="mapping-format">
      <legend>{file ?? t("formats.only")}</legend>
      <label className="field">
        {t("formats.delimiter")}
        <select value={chosen.delimiter ?? ""} onChange={({ target }) => set("delimiter", target.value)}>
          <option value="">{automatic(chosen.delimiter, delimiterText(read.delimiter))}</option>
          {delimiters.map(([character]) => (
            <option key={character} value={character}>
              {delimiterText(character)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        {t("formats.encoding")}
        <select value={chosen.encoding ?? ""} onChange={({ target }) => set("encoding", target.value)}>
          <option value="">{automatic(chosen.encoding, encodingText(read.encoding))}</option>
          {encodings.map(([name]) => (
            <option key={name} value={name}>
              {encodingText(name)}
            </option>
          ))}
        </select>
      </label>
    </fieldset>
  );
}
