import { HeadwayError } from "@headway/client";
import { t } from "../messages/index.js";
import { ErrorNote } from "../ui/ErrorNote.js";

interface UnavailableProps {
  error: unknown;
  deleted: boolean;
  /** The link that is offered instead. */
  home: { href: string; text: string };
}

/** Replaces a job while it loads, or if it can't be shown. */
export function Unavailable({ error, deleted, home }: UnavailableProps) {
  const missing = deleted || (error instanceof HeadwayError && (error.status === 404 || error.status === 403));
  if (missing) {
    return (
      <div className="card empty">
        <h1>{t("job.notFound")}</h1>
        <p className="muted">{t("job.notFoundLead")}</p>
        <a className="button primary" href={home.href}>
          {home.text}
        </a>
      </div>
    );
  }
  if (error && !(error instanceof HeadwayError && error.temporary))
    return <ErrorNote error={error} heading={t("job.broken")} />;
  return (
    <div className="card skeleton" role="status">
      <span className="visually-hidden">{t("job.loading")}</span>
      <i />
      <i />
      <i />
    </div>
  );
}
