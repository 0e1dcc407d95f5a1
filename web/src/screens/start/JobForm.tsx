import { createJob, type KindDescription, type KindField, type NewJob } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { type FormEvent, useId, useState } from "react";
import { t } from "../../messages/index.js";
import { hrefs, navigate } from "../../shell/router.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { Icon } from "../../ui/Icon.js";
import { useRequestId } from "../../ui/useRequestId.js";
import { JobField } from "./JobField.js";

/**
 * Creates a job of a kind and opens its page. After a lost response, another try returns the same job, not a second one.
 */
export function JobForm({ description }: { description: KindDescription }) {
  const connection = useConnection();
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>();
  const requestId = useRequestId();
  const headingId = useId();
  const { title, summary, fields } = description;

  const send = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setSending(true);
    setError(undefined);
    const job = newJob(description, new FormData(event.currentTarget));
    try {
      const created = await createJob({ ...connection, job: { ...job, requestId: requestId(job) } });
      navigate(hrefs.job(created.kind, created.jobId));
    } catch (cause) {
      setSending(false);
      setError(cause);
    }
  };

  return (
    <form className="card other-job" aria-labelledby={headingId} onSubmit={(event) => void send(event)}>
      <div>
        <h3 id={headingId}>{title}</h3>
        {summary && <p className="muted">{summary}</p>}
      </div>
      <div className="other-fields">
        {fields.map((field) => (
          <JobField key={field.name} field={field} />
        ))}
      </div>
      {error ? <ErrorNote error={error} /> : null}
      <div className="actions">
        <button className="button" type="submit" disabled={sending}>
          <Icon name="spark" />
          {sending ? t("start.other.starting") : t("start.other.start")}
        </button>
      </div>
    </form>
  );
}

const maxTitle = 200;

/**
 * Returns the job that a filled-in form describes. Its title contains the chosen texts, so that users can tell jobs of a
 * kind apart.
 */
function newJob({ kind, title, fields }: KindDescription, form: FormData): NewJob {
  const payload: Record<string, unknown> = {};
  const names: string[] = [];
  for (const field of fields) {
    const text = String(form.get(field.name) ?? "").trim();
    const value = payloadValue(field, text);
    if (value === undefined) continue;
    payload[field.name] = value;
    if (field.type === "text") names.push(text);
    if (field.type === "choice") names.push(field.choices.find((choice) => choice.value === text)?.label || text);
  }
  const full = names.length ? `${title}: ${names.join(", ")}` : title;
  return { kind, title: [...full].slice(0, maxTitle).join(""), payload };
}

/** Returns the value of a field in the payload, or undefined if the field was left empty. */
function payloadValue({ type }: KindField, text: string): unknown {
  if (type === "boolean") return text !== "";
  if (text === "") return undefined;
  return type === "integer" || type === "number" ? Number(text) : text;
}
