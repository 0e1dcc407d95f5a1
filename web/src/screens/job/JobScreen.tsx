import { isTerminal, type JobSnapshot, remove, resume } from "@headway/client";
import { ImportStepper, useConnection, useJob } from "@headway/client/react";
import { useState } from "react";
import { announcement } from "../../job/announcement.js";
import { ConnectionNotice } from "../../job/ConnectionNotice.js";
import { JobHead } from "../../job/JobHead.js";
import { JobMeter } from "../../job/JobMeter.js";
import { kindName } from "../../job/kindName.js";
import { OutputCard } from "../../job/OutputCard.js";
import { ResultFacts } from "../../job/ResultFacts.js";
import { RetryButton } from "../../job/RetryButton.js";
import { Unavailable } from "../../job/Unavailable.js";
import { useSamples } from "../../job/useSamples.js";
import { t } from "../../messages/index.js";
import { labels } from "../../messages/labels.js";
import { reasonText } from "../../messages/server.js";
import { hrefs, navigate } from "../../shell/router.js";
import { Announcer } from "../../ui/Announcer.js";
import { ErrorDetails } from "../../ui/ErrorDetails.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { Icon } from "../../ui/Icon.js";
import { usePageTitle } from "../../ui/usePageTitle.js";

/** One job of any kind: its steps, its output as it grows, and its result. */
export function JobScreen({ kind, jobId }: { kind: string; jobId: string }) {
  const { job, connection, error, deleted, restart } = useJob({ kind, jobId });
  const samples = useSamples(job);
  const title = job?.title || t("job.untitled", { kind });
  usePageTitle(job?.status === "active" ? `${Math.floor(job.progress)}% · ${title}` : title);

  if (!job || deleted) {
    return (
      <>
        <ConnectionNotice phase={connection} />
        <Unavailable error={error} deleted={deleted} home={{ href: hrefs.start, text: t("shell.startPage") }} />
      </>
    );
  }

  const ended = isTerminal(job.status);
  const again = job.status === "failed" || job.status === "cancelled";
  return (
    <div className="import" data-status={job.status}>
      <JobHead
        job={job}
        title={title}
        back={{ href: hrefs.jobs, text: t("jobScreen.back") }}
        chips={[kindName(kind), (job.attempt ?? 0) > 1 && t("job.attempt", { n: job.attempt ?? 0 })]}
        actions={
          ended && (
            <>
              {again && <RetryButton jobId={jobId} onRetried={restart} />}
              <DeleteButton jobId={jobId} />
            </>
          )
        }
      />
      <ConnectionNotice phase={connection} />
      <Announcer text={announcement(job, title)} />
      {again && (
        <section className="card verdict" data-tone={job.status === "failed" ? "bad" : "quiet"}>
          <span className="verdict-mark" aria-hidden="true">
            <Icon name={job.status === "failed" ? "alert" : "cross"} />
          </span>
          <div className="verdict-words">
            <h2>{job.status === "failed" ? t("jobScreen.failed") : t("jobScreen.cancelled")}</h2>
            {job.failedReason && <p>{reasonText(job.reason, job.failedReason)}</p>}
            {job.reason && <ErrorDetails reason={job.reason} message={job.failedReason} />}
          </div>
        </section>
      )}
      {job.status === "waiting" && <AnswerCard job={job} />}
      <div className="import-grid">
        <div className="import-side">
          <JobMeter job={job} title={title} samples={samples} />
        </div>
        {(job.steps?.length ?? 0) > 0 && (
          <section className="card" aria-labelledby="steps-heading">
            <h2 id="steps-heading">{labels().steps}</h2>
            <ImportStepper job={job} labels={labels()} />
          </section>
        )}
      </div>
      <OutputCard key={job.attempt} job={job} />
      {job.status === "completed" && Object.keys(job.result ?? {}).length > 0 && (
        <section className="card" aria-labelledby="result-heading">
          <h2 id="result-heading">{t("jobScreen.result")}</h2>
          <ResultFacts result={job.result ?? {}} />
        </section>
      )}
    </div>
  );
}

function DeleteButton({ jobId }: { jobId: string }) {
  const connection = useConnection();
  const [error, setError] = useState<unknown>();
  const drop = async () => {
    try {
      await remove({ ...connection, jobId });
      navigate(hrefs.jobs);
    } catch (cause) {
      setError(cause);
    }
  };
  return (
    <>
      <button className="button quiet" type="button" onClick={() => void drop()}>
        {t("jobScreen.remove")}
      </button>
      {error ? <ErrorNote error={error} /> : null}
    </>
  );
}

/** Shows a waiting job's question and sends an answer, both as JSON. Their meaning is up to the worker. */
function AnswerCard({ job }: { job: JobSnapshot }) {
  const connection = useConnection();
  const [text, setText] = useState("{}");
  const [error, setError] = useState<unknown>();
  const [invalid, setInvalid] = useState(false);
  const send = async () => {
    const answer = parseObject(text);
    setInvalid(!answer);
    if (!answer) return;
    try {
      await resume({ ...connection, jobId: job.jobId, answer, questionRevision: job.revision });
    } catch (cause) {
      setError(cause);
    }
  };
  return (
    <section className="card" aria-labelledby="question-heading">
      <h2 id="question-heading">{t("jobScreen.question")}</h2>
      <pre className="json">{JSON.stringify(job.question ?? {}, null, 2)}</pre>
      <label className="field">
        <span>{t("jobScreen.answer")}</span>
        <textarea rows={4} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      {invalid && (
        <p className="note warn" role="alert">
          {t("jobScreen.answerInvalid")}
        </p>
      )}
      {error ? <ErrorNote error={error} /> : null}
      <div className="actions">
        <button className="button primary" type="button" onClick={() => void send()}>
          {t("jobScreen.sendAnswer")}
        </button>
      </div>
    </section>
  );
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
