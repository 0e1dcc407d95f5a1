import { Fill } from "@headway/client/react";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { formatBytes } from "../../ui/format.js";
import { Icon } from "../../ui/Icon.js";
import { texts } from "./texts.js";
import type { ImportUpload } from "./useImportUpload.js";

/** The upload in progress: its file, its bar, and its result. */
export function UploadCard({ upload }: { upload: ImportUpload }) {
  const { preparing } = upload;
  const t = texts;
  if (upload.error !== undefined) {
    return (
      <section className="card upload" aria-label={t.failed}>
        <ErrorNote error={upload.error} heading={upload.fileName ? `${upload.fileName}: ${t.failed}` : t.failed} />
        <div className="actions">
          <button className="button primary" type="button" onClick={upload.reset}>
            {t.again}
          </button>
          {upload.retry && (
            <button className="button" type="button" onClick={upload.retry}>
              {t.retry}
            </button>
          )}
        </div>
      </section>
    );
  }
  const sent = preparing === undefined && upload.total > 0 && upload.loaded >= upload.total;
  const percent = upload.total ? Math.min(100, (upload.loaded / upload.total) * 100) : 0;
  const unknown = preparing !== undefined || sent;
  return (
    <section className="card upload" aria-label={t.sending}>
      <div className="upload-file">
        <span className="drop-picture small">
          <Icon name="sheet" />
        </span>
        <div>
          <p className="upload-name">{upload.fileName || t.sampleTry}</p>
          <p className="muted" role="status">
            {preparing !== undefined
              ? t.preparing(preparing)
              : upload.paused
                ? upload.paused === "user"
                  ? t.pausedByUser
                  : t.pausedBySession
                : upload.waiting
                  ? t.waiting
                  : sent
                    ? t.checking
                    : t.sending}
          </p>
        </div>
        {preparing === undefined && <p className="upload-percent">{Math.floor(percent)}%</p>}
      </div>
      <div
        className="headway-bar"
        role="progressbar"
        aria-label={t.sending}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={unknown ? undefined : Math.floor(percent)}
        data-unknown={unknown || undefined}
      >
        <Fill percent={unknown ? 100 : percent} />
      </div>
      <div className="actions spread">
        <p className="fine muted">
          {preparing === undefined && t.progress(formatBytes(upload.loaded), formatBytes(upload.total))}
        </p>
        <div className="actions">
          {preparing === undefined && !sent && upload.paused !== "session" && (
            <button className="button" type="button" onClick={upload.paused ? upload.resume : upload.pause}>
              {upload.paused ? t.resume : t.pause}
            </button>
          )}
          <button className="button quiet" type="button" onClick={upload.reset}>
            {t.cancel}
          </button>
        </div>
      </div>
    </section>
  );
}
