import { Suspense, useEffect, useState } from "react";
import { t } from "../../messages/index.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { formatBytes } from "../../ui/format.js";
import { loadMappingCard, MappingCard } from "../mapping/LazyMappingCard.js";
import { archiveOf, fitTogether, maxArchive } from "./archive.js";
import { DropZone } from "./DropZone.js";
import { FilePicker } from "./FilePicker.js";
import { ImportOptions } from "./ImportOptions.js";
import { refuse } from "./refuse.js";
import { SampleOffer } from "./SampleOffer.js";
import { SchemaCard } from "./SchemaCard.js";
import { UploadCard } from "./UploadCard.js";
import { useUpload } from "./UploadProvider.js";
import { type ImportChoices, sampleSchema } from "./useImportUpload.js";
import { useSchemas } from "./useSchemas.js";
import { useUnfinished } from "./useUnfinished.js";

interface UploadFormProps {
  /** The user, under whom an interrupted upload is remembered. */
  user: string | undefined;
  maxBytes: number;
}

/** The form in which the user chooses a file: by drag and drop, in a dialog, or as a generated sample. */
export function UploadForm({ user, maxBytes }: UploadFormProps) {
  const [choices, setChoices] = useState<ImportChoices>({ onIssues: "review", dryRun: false, reviewMapping: false });
  const [notice, setNotice] = useState("");
  const [several, setSeveral] = useState<File[]>([]);
  const [early, setEarly] = useState<File>(); // chosen before the schemas were loaded
  const schemas = useSchemas(user);
  const upload = useUpload();
  const unfinished = useUnfinished(user, upload.busy);
  const schema = schemas.chosen?.name;
  const send = (file: File, schema: string) => upload.send(file, { schema, ...choices, ...unfinished.optionsOf(file) });

  const take = (file: File) => {
    setSeveral([]);
    const refusal =
      refuse(file, maxBytes) || (unfinished.isElsewhere(file) ? t("upload.isElsewhere", { name: file.name }) : "");
    setNotice(refusal);
    if (refusal) return;
    if (schema === undefined) setEarly(file);
    else send(file, schema);
  };
  const takeAll = (files: File[]) => {
    setNotice("");
    if (fitTogether(files)) void takeTogether(files);
    else if (files.length > 1) setSeveral(files);
    else if (files[0]) take(files[0]);
  };
  const takeTogether = async (files: File[]) => {
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const limit = Math.min(maxBytes || maxArchive, maxArchive);
    const empty = files.find((file) => file.size === 0);
    if (empty) setNotice(t("upload.emptyFile", { name: empty.name }));
    else if (size > limit)
      setNotice(t("upload.tooLargeTogether", { size: formatBytes(size), limit: formatBytes(limit) }));
    else {
      try {
        take(await archiveOf(files));
      } catch {
        setNotice(t("upload.unreadable"));
      }
    }
  };
  const trySample = (rows: number) => {
    setNotice("");
    upload.trySample(rows, choices);
  };
  useEffect(() => {
    if (early === undefined || schema === undefined) return;
    setEarly(undefined);
    send(early, schema);
  });

  // The question about columns comes after the upload. Its code is there by then.
  useEffect(() => {
    if (upload.busy) void loadMappingCard();
  }, [upload.busy]);

  // With several schemas, the choice comes before the file.
  const isChoice = (schemas.list?.length ?? 0) > 1;

  const asked = upload.question && schemas.list?.find(({ name }) => name === upload.schema);
  if (upload.question && asked) {
    return (
      <Suspense fallback={<p role="status">{t("mapping.loading")}</p>}>
        <MappingCard
          question={upload.question}
          schema={asked}
          user={user}
          fileName={upload.fileName}
          onAnswer={upload.answer}
          onCancel={upload.reset}
          cancel={t("mapping.cancel")}
        />
      </Suspense>
    );
  }

  return (
    <div className="start-grid">
      {isChoice && (
        <div className="start-options" inert={upload.busy}>
          <SchemaCard schemas={schemas} />
        </div>
      )}
      <div className="start-drop">
        {upload.busy ? (
          <UploadCard upload={upload} />
        ) : several.length > 0 ? (
          <FilePicker files={several} onPick={take} onCancel={() => setSeveral([])} />
        ) : (
          <DropZone maxBytes={maxBytes} onFiles={takeAll} />
        )}
        {schemas.list?.length === 0 && (
          <p className="note warn" role="alert">
            {t("upload.noneAllowed")}
          </p>
        )}
        {schemas.error !== undefined && <ErrorNote error={schemas.error} heading={t("upload.noSchemas")} />}
        {unfinished.elsewhere && (
          <p className="note" role="status">
            {t("upload.elsewhere", { names: unfinished.elsewhere })}
          </p>
        )}
        {unfinished.interrupted && (
          <div className="note">
            <div>
              <strong>{t("upload.unfinished")}</strong>
              <p>{t("upload.unfinishedLead", { names: unfinished.interrupted })}</p>
              <button className="button quiet small" type="button" onClick={unfinished.discard}>
                {t("upload.discard")}
              </button>
            </div>
          </div>
        )}
        {notice && (
          <p className="note warn" role="alert">
            {notice}
          </p>
        )}
      </div>
      <div className="start-options" inert={upload.busy}>
        {!isChoice && <SchemaCard schemas={schemas} />}
        <ImportOptions value={choices} onChange={setChoices} />
      </div>
      {schema === sampleSchema && (
        <div className="start-sample" inert={upload.busy}>
          <SampleOffer onTry={trySample} />
        </div>
      )}
    </div>
  );
}
