import { cancel, isTerminal, type JobSnapshot } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { type ReactNode, useState } from "react";
import { t } from "../messages/index.js";
import { labels } from "../messages/labels.js";
import { ErrorNote } from "../ui/ErrorNote.js";
import { Icon } from "../ui/Icon.js";
import { StatusBadge } from "./StatusBadge.js";

interface JobHeadProps {
  job: JobSnapshot;
  title: string;
  back: { href: string; text: string };
  /** Small labels next to the status. */
  chips: (string | false | undefined)[];
  /** Buttons for a job that has ended. */
  actions?: ReactNode;
}

/** A job's name and status, and the buttons that act on it. */
export function JobHead({ job, title, back, chips, actions }: JobHeadProps) {
  const live = !isTerminal(job.status);
  return (
    <div className="job-head">
      <a className="back" href={back.href}>
        <Icon name="back" />
        {back.text}
      </a>
      <div className="job-head-line">
        <h1>{title}</h1>
        <div className="chips">
          <StatusBadge
            status={job.status}
            text={live && job.cancelRequested ? t("job.cancelling") : labels().status[job.status]}
          />
          {chips.map(
            (chip) =>
              chip && (
                <span key={chip} className="chip">
                  {chip}
                </span>
              ),
          )}
        </div>
        <div className="actions">
          {/* While an import waits, the only question is whether to import the other rows. */}
          {live && !(job.kind === "import" && job.status === "waiting") && <CancelButton job={job} />}
          {actions}
        </div>
      </div>
    </div>
  );
}

/** Cancels the job. The button can be clicked only once. */
function CancelButton({ job }: { job: JobSnapshot }) {
  const connection = useConnection();
  const [asked, setAsked] = useState(false);
  const [error, setError] = useState<unknown>();
  const stopping = asked || job.cancelRequested === true;

  const stop = async () => {
    setAsked(true);
    setError(undefined);
    try {
      await cancel({ ...connection, jobId: job.jobId });
    } catch (cause) {
      setAsked(false);
      setError(cause);
    }
  };

  return (
    <>
      <button className="button" type="button" disabled={stopping} onClick={() => void stop()}>
        <Icon name="cross" />
        {stopping ? t("job.cancelling") : t("job.cancel", { kind: job.kind })}
      </button>
      {error ? <ErrorNote error={error} /> : null}
    </>
  );
}
