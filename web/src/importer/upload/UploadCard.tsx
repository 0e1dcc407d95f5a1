import { Fill } from "@headway/client/react";
import { t } from "../../messages/index.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { formatBytes } from "../../ui/format.js";
import { Icon } from "../../ui/Icon.js";
import type { ImportUpload } from "./useImportUpload.js";

/** The upload in progress: its file, its bar, and its result. */
export function UploadCard({ upload }: { upload: ImportUpload }) {
  const { preparing } = upload;
  if (upload.error !== undefined) {
    return (
      <section className="card upload" aria-label={t("upload.failed")}>
        <ErrorNote
          error={upload.error}
          heading={upload.fileName ? t("upload.failedFile", { name: upload.fileName }) : t("upload.failed")}
        />
        <div className="actions">
          <button className="button primary" type="button" onClick={upload.reset}>
            {t("upload.again")}
          </button>
          {upload.retry && (
            <button className="button" type="button" onClick={upload.retry}>
              {t("upload.retry")}
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
    <section className="card upload" aria-label={t("upload.sending")}>
      <div className="upload-file">
        <span className="drop-picture small">
          <Icon name="sheet" />
        </span>
        <div>
          <p className="upload-name">{upload.fileName || t("upload.sampleTry")}</p>
          <p className="muted" role="status">
            {preparing !== undefined
              ? t("upload.preparing", { n: preparing })
              : upload.paused
                ? upload.paused === "user"
                  ? t("upload.pausedByUser")
                  : t("upload.pausedBySession")
                : upload.waiting
                  ? t("upload.waiting")
                  : sent
                    ? t("upload.checking")
                    : t("upload.sending")}
          </p>
        </div>
        {preparing === undefined && <p className="upload-percent">{Math.floor(percent)}%</p>}
      </div>
      <div
        className="headway-bar"
        role="progressbar"
        aria-label={t("upload.sending")}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={unknown ? undefined : Math.floor(percent)}
        data-unknown={unknown || undefined}
      >
        <Fill percent={unknown ? 100 : percent} />
      </div>
      <div className="actions spread">
        <p className="fine muted">
          {preparing === undefined &&
            t("upload.progress", { loaded: formatBytes(upload.loaded), total: formatBytes(upload.total) })}
        </p>
        <div className="actions">
          {preparing === undefined && !sent && upload.paused !== "session" && (
            <button className="button" type="button" onClick={upload.paused ? upload.resume : upload.pause}>
              {upload.paused ? t("upload.resume") : t("upload.pause")}
            </button>
          )}
          <button className="button quiet" type="button" onClick={upload.reset}>
            {t("upload.cancel")}
          </button>
        </div>
      </div>
    </section>
  );
}
