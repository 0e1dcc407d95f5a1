import { t } from "../../messages/index.js";
import { JobForm } from "./JobForm.js";
import { useKinds } from "./useKinds.js";

/** Offers jobs that are not imports: a form for each kind that a worker has described. */
export function OtherJobs() {
  const kinds = useKinds();
  if (kinds.length === 0) return null;
  return (
    <section className="other-jobs" aria-labelledby="other-heading">
      <div>
        <h2 id="other-heading">{t("start.other.heading")}</h2>
        <p className="muted">{t("start.other.lead")}</p>
      </div>
      <div className="other-grid">
        {kinds.map((description) => (
          <JobForm key={JSON.stringify(description)} description={description} />
        ))}
      </div>
    </section>
  );
}
