import type { MappingQuestion, Schema } from "@headway/client";
import { type MappedColumn, type MappedSheet, type MappingEditor, useMapping } from "@headway/client/react";
import { useEffect, useRef, useState } from "react";
import { list, t } from "../../messages/index.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { formatAge } from "../../ui/format.js";
import { FormatFields } from "./FormatFields.js";
import { SavedMappings } from "./SavedMappings.js";
import { SheetMappingFields } from "./SheetMappingFields.js";

interface MappingCardProps {
  question: MappingQuestion;
  schema: Schema;
  user: string | undefined;
  fileName: string;
  onAnswer: (answer: MappingEditor["answer"]) => void;
  onCancel: () => void;
  /** The text of the button for `onCancel`. */
  cancel: string;
  /** The answer is being sent. */
  busy?: boolean;
}

/** Asks which columns of an uploaded file are those of the schema. */
export function MappingCard(props: MappingCardProps) {
  const { question, schema, user, fileName, onAnswer, onCancel, cancel, busy } = props;
  const editor = useMapping(question, schema);
  const [tried, setTried] = useState(false);
  const lacks = tried ? lackOf(editor) : "";
  const [likely, others] = split(editor);
  const areFew = editor.sheets.length < 3;
  const found = editor.sheets.filter((mapped) => !mapped.absent).length;
  const absent = others.filter((mapped) => mapped.absent).map(({ sheet }) => sheet.title || sheet.name);
  const heading = useRef<HTMLHeadingElement>(null);
  const card = useRef<HTMLElement>(null);
  // The question replaces the upload, which had the focus.
  useEffect(() => heading.current?.focus(), []);

  const confirm = () => {
    setTried(true);
    if (!lackOf(editor)) return onAnswer(editor.answer);
    const field = card.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    field?.closest("details")?.setAttribute("open", "");
    field?.focus();
  };

  return (
    <section className="card mapping" aria-labelledby="mapping-heading" ref={card}>
      <div>
        <h2 id="mapping-heading" ref={heading} tabIndex={-1}>
          {t("mapping.heading")}
        </h2>
        <p className="muted">{t("mapping.lead", { file: fileName, schema: schema.title || schema.name })}</p>
      </div>
      {question.mapping && question.error && <ErrorNote error={question.error} heading={t("mapping.refused")} />}
      {editor.error !== undefined && <ErrorNote error={editor.error} heading={t("mapping.noPreview")} />}
      {editor.preview?.rememberedAt && (
        <p className="muted">{t("mapping.remembered", { when: formatAge(editor.preview.rememberedAt) })}</p>
      )}
      {!editor.preview && editor.error === undefined && (
        <p className="muted" role="status">
          {t("mapping.loading")}
        </p>
      )}
      {editor.preview && (
        <div className="mapping-sheets">
          {likely.map((mapped) => (
            <SheetMappingFields
              key={mapped.sheet.name}
              mapped={mapped}
              editor={editor}
              few={areFew || (!mapped.absent && found < 3)}
            />
          ))}
          {others.length > 0 && (
            <details className="mapping-sheet mapping-absent">
              <summary>
                <h3>{t("mapping.absent")}</h3>
                <span className="muted">{list(absent)}</span>
              </summary>
              <p className="fine muted">{t("mapping.absentHint")}</p>
              {others.map((mapped) => (
                <SheetMappingFields key={mapped.sheet.name} mapped={mapped} editor={editor} few={false} />
              ))}
            </details>
          )}
        </div>
      )}
      <FormatFields editor={editor} />
      {editor.preview && <SavedMappings schema={schema.name} user={user} editor={editor} />}
      {lacks && (
        <p className="note warn" role="alert">
          {lacks}
        </p>
      )}
      <div className="actions">
        {editor.preview && (
          <button className="button primary large" type="button" disabled={busy} onClick={confirm}>
            {t("mapping.confirm")}
          </button>
        )}
        <button className="button quiet" type="button" onClick={onCancel}>
          {cancel}
        </button>
      </div>
    </section>
  );
}

/**
 * Returns the sheets of the schema that are probably in the file, and the others. A sheet keeps its place while the user edits. If none is
 * likely, or only few are not, all are together.
 */
function split({ preview, sheets }: MappingEditor): [MappedSheet[], MappedSheet[]] {
  const proposed = new Set(preview?.mapping.flatMap(({ sheet, absent }) => (absent ? [] : [sheet])));
  if (proposed.size === 0 || sheets.length - proposed.size < 3) return [sheets, []];
  return [
    sheets.filter(({ sheet }) => proposed.has(sheet.name)),
    sheets.filter(({ sheet }) => !proposed.has(sheet.name)),
  ];
}

/** Returns what the mapping still lacks, or "". */
function lackOf({ sheets }: MappingEditor): string {
  if (sheets.every(({ workbookSheet }) => workbookSheet === undefined)) return t("mapping.noSheets");
  const fields = (lacks: (mapped: MappedColumn) => boolean) =>
    sheets.flatMap(({ columns }) => columns.filter(lacks)).map(({ column }) => column.title || column.name);
  const missing = fields((mapped) => mapped.missing);
  if (missing.length > 0) return t("mapping.missingLead", { fields: list(missing) });
  const undecided = fields((mapped) => mapped.undecided);
  return undecided.length > 0 ? t("mapping.undecided", { fields: list(undecided) }) : "";
}
