import { createJob, type NewJob } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { type FormEvent, type ReactNode, useId, useRef, useState } from "react";
import { hrefs, navigate } from "../../shell/router.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { Icon } from "../../ui/Icon.js";
import { texts } from "./texts.js";
import { useKinds } from "./useKinds.js";

/** Offers jobs that are not imports, of each kind that this page knows and that a worker can run. */
export function OtherJobs() {
  const kinds = useKinds();
  const forms = [
    kinds.includes("character") && <CharacterForm key="c" />,
    kinds.includes("media") && <MediaForm key="m" />,
  ];
  if (!forms.some(Boolean)) return null;
  const t = texts.other;
  return (
    <section className="other-jobs" aria-labelledby="other-heading">
      <div>
        <h2 id="other-heading">{t.heading}</h2>
        <p className="muted">{t.lead}</p>
      </div>
      <div className="other-grid">{forms}</div>
    </section>
  );
}

function CharacterForm() {
  const [name, setName] = useState("");
  const [seed, setSeed] = useState("");
  const t = texts.other.character;
  const job = (): NewJob => ({
    kind: "character",
    title: t.title(name.trim()),
    payload: { ...(name.trim() && { name: name.trim() }), ...(seed && { seed: Number(seed) }) },
  });
  return (
    <JobForm heading={t.heading} lead={t.lead} submit={t.submit} job={job}>
      <label className="field">
        <span>{t.name}</span>
        <input
          value={name}
          maxLength={40}
          autoComplete="off"
          placeholder={t.namePlaceholder}
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <label className="field narrow">
        <span>{t.seed}</span>
        <input
          type="number"
          inputMode="numeric"
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          step={1}
          value={seed}
          placeholder={t.seedPlaceholder}
          onChange={(event) => setSeed(event.target.value)}
        />
      </label>
    </JobForm>
  );
}

const scenes = ["spheres", "julia"] as const;
const sizes = [
  [320, 200],
  [640, 400],
  [1280, 800],
] as const;
const sizeText = ([width, height]: readonly [number, number]) => `${width} × ${height}`;

function MediaForm() {
  const [scene, setScene] = useState<(typeof scenes)[number]>(scenes[0]);
  const [size, setSize] = useState<(typeof sizes)[number]>(sizes[1]);
  const t = texts.other.media;
  const job = (): NewJob => ({
    kind: "media",
    title: t.title(t.scenes[scene], sizeText(size)),
    payload: { scene, width: size[0], height: size[1], samples: 32, seed: Math.floor(Math.random() * 2 ** 32) },
  });
  return (
    <JobForm heading={t.heading} lead={t.lead} submit={t.submit} job={job}>
      <Segments legend={t.scene} choices={scenes} value={scene} text={(each) => t.scenes[each]} onChange={setScene} />
      <Segments legend={t.size} choices={sizes} value={size} text={sizeText} onChange={setSize} />
    </JobForm>
  );
}

interface SegmentsProps<T> {
  legend: string;
  choices: readonly T[];
  value: T;
  text: (choice: T) => string;
  onChange: (choice: T) => void;
}

/** A few choices, one of which is selected. */
function Segments<T>({ legend, choices, value, text, onChange }: SegmentsProps<T>) {
  const name = useId();
  return (
    <fieldset className="segments">
      <legend>{legend}</legend>
      <div>
        {choices.map((choice) => (
          <label key={text(choice)}>
            <input type="radio" name={name} checked={choice === value} onChange={() => onChange(choice)} />
            <span>{text(choice)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface JobFormProps {
  heading: string;
  lead: string;
  submit: string;
  job: () => NewJob;
  children: ReactNode;
}

/** Creates a job and opens its page. After a lost response, another try returns the same job, not a second one. */
function JobForm({ heading, lead, submit, job, children }: JobFormProps) {
  const connection = useConnection();
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>();
  const attempt = useRef<NewJob>(undefined);
  const headingId = useId();

  const send = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(undefined);
    attempt.current ??= { ...job(), requestId: `page-${Date.now()}-${Math.random().toString(36).slice(2)}` };
    try {
      const created = await createJob({ ...connection, job: attempt.current });
      navigate(hrefs.job(created.kind, created.jobId));
    } catch (cause) {
      setSending(false);
      setError(cause);
    }
  };

  // A change makes it another job.
  const forget = () => {
    attempt.current = undefined;
  };
  return (
    <form
      className="card other-job"
      aria-labelledby={headingId}
      onSubmit={(event) => void send(event)}
      onChange={forget}
    >
      <div>
        <h3 id={headingId}>{heading}</h3>
        <p className="muted">{lead}</p>
      </div>
      <div className="other-fields">{children}</div>
      {error ? <ErrorNote error={error} /> : null}
      <div className="actions">
        <button className="button" type="submit" disabled={sending}>
          <Icon name="spark" />
          {sending ? texts.other.starting : submit}
        </button>
      </div>
    </form>
  );
}
