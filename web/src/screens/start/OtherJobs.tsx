import { JobForm } from "./JobForm.js";
import { texts } from "./texts.js";
import { useKinds } from "./useKinds.js";

/** Offers jobs that are not imports: a form for each kind that a worker has described. */
export function OtherJobs() {
  const kinds = useKinds();
  if (kinds.length === 0) return null;
  const t = texts.other;
  return (
    <section className="other-jobs" aria-labelledby="other-heading">
      <div>
        <h2 id="other-heading">{t.heading}</h2>
        <p className="muted">{t.lead}</p>
      </div>
      <div className="other-grid">
        {kinds.map((description) => (
          <JobForm key={JSON.stringify(description)} description={description} />
        ))}
      </div>
    </section>
  );
}
