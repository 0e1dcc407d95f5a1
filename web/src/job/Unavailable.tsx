import { HeadwayError } from "@headway/client";
import { hrefs } from "../shell/router.js";
import { ErrorNote } from "../ui/ErrorNote.js";
import { texts } from "../ui/texts.js";

/** Stands where a job would, while it loads or when it cannot be shown. */
export function Unavailable({ error, deleted }: { error: unknown; deleted: boolean }) {
  const t = texts.job;
  const missing = deleted || (error instanceof HeadwayError && (error.status === 404 || error.status === 403));
  if (missing) {
    return (
      <div className="card empty">
        <h1>{t.notFound}</h1>
        <p className="muted">{t.notFoundLead}</p>
        <a className="button primary" href={hrefs.start}>
          {t.back}
        </a>
      </div>
    );
  }
  if (error && !(error instanceof HeadwayError && error.temporary))
    return <ErrorNote error={error} heading={t.broken} />;
  return (
    <div className="card skeleton" role="status">
      <span className="visually-hidden">{t.loading}</span>
      <i />
      <i />
      <i />
    </div>
  );
}
