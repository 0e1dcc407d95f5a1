import { useState } from "react";
import { DropZone } from "./DropZone.js";
import { ImportOptions } from "./ImportOptions.js";
import { refuse } from "./refuse.js";
import { SampleOffer } from "./SampleOffer.js";
import { texts } from "./texts.js";
import { UploadCard } from "./UploadCard.js";
import { type ImportChoices, useImportUpload } from "./useImportUpload.js";

interface UploadFormProps {
  /** The user, under whom an interrupted upload is remembered. */
  user: string | undefined;
  maxBytes: number;
  onAccepted: (importId: string) => void;
}

/** Where a file is chosen: by drag and drop, from a dialog, or as a generated sample. */
export function UploadForm({ user, maxBytes, onAccepted }: UploadFormProps) {
  const [choices, setChoices] = useState<ImportChoices>({ onIssues: "review", dryRun: false });
  const [notice, setNotice] = useState("");
  const upload = useImportUpload(user, choices, onAccepted);

  const take = (file: File, isOnly: boolean) => {
    const refusal = refuse(file, maxBytes);
    setNotice(refusal || (isOnly ? "" : texts.onlyFirst));
    if (!refusal) upload.send(file);
  };
  const trySample = (rows: number) => {
    setNotice("");
    upload.trySample(rows);
  };

  return (
    <div className="start-grid">
      <div className="start-drop">
        {upload.busy ? (
          <UploadCard
            upload={upload.state}
            preparing={upload.preparing}
            error={upload.error}
            onCancel={upload.reset}
            onRetry={upload.retry}
          />
        ) : (
          <DropZone maxBytes={maxBytes} onFile={take} />
        )}
        {notice && (
          <p className="note warn" role="alert">
            {notice}
          </p>
        )}
      </div>
      <div className="start-options" inert={upload.busy}>
        <ImportOptions value={choices} onChange={setChoices} />
      </div>
      <div className="start-sample" inert={upload.busy}>
        <SampleOffer onTry={trySample} />
      </div>
    </div>
  );
}
