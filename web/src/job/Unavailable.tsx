import { HeadwayError } from "@headway/client";
import { ErrorNote } from "../ui/ErrorNote.js";
import { texts } from "./texts.js";

interface UnavailableProps {
  error: unknown;
  deleted: boolean;
  /** The link that is offered instead. */
  home: { href: string; text: string };
}

/** Replaces a job while it loads, or if it can't be shown. */
export function Unavailable({ error, deleted, home }: UnavailableProps) {
  const t = texts;
  const missing = deleted || (error instanceof HeadwayError && (error.status === 404 || error.status === 403));
  if (missing) {
    return (
      <div className="card empty">
        <h1>{t.notFound}</h1>
        <p className="muted">{t.notFoundLead}</p>
        <a className="button primary" href={home.href}>
          {home.text}
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
