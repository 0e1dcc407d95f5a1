import { download, isTerminal, samplePath } from "@headway/client";
import { useConnection, useUpload } from "@headway/client/react";
import { uploadResumably } from "@headway/client/resumable";
import { useEffect, useRef, useState } from "react";
import { DropZone } from "../../importer/upload/DropZone.js";
import { type ImportChoices, ImportOptions } from "../../importer/upload/ImportOptions.js";
import { SampleOffer } from "../../importer/upload/SampleOffer.js";
import { UploadCard } from "../../importer/upload/UploadCard.js";
import { JobRow } from "../../job/JobRow.js";
import { useMyJobs } from "../../shell/JobsContext.js";
import { hrefs, navigate } from "../../shell/router.js";
import { useSession } from "../../shell/session.js";
import { formatBytes } from "../../ui/format.js";
import { texts } from "../../ui/texts.js";
import { useNow } from "../../ui/useNow.js";
import { usePageTitle } from "../../ui/usePageTitle.js";
import { OtherJobs } from "./OtherJobs.js";

const recentJobs = 5;

/** How many wrong rows a sample has, for its number of employees. */
const faults = (rows: number) => (rows >= 100_000 ? 120 : rows >= 10_000 ? 40 : 12);

/** Where a workbook comes in: by drop, by choice, or as a generated sample. */
export function StartView() {
  const { user, maxUploadBytes } = useSession();
  const connection = useConnection();
  const upload = useUpload((options) => uploadResumably({ ...options, user }));
  const [choices, setChoices] = useState<ImportChoices>({ onIssues: "review", dryRun: false });
  const [refusal, setRefusal] = useState("");
  const [preparing, setPreparing] = useState<number>();
  const [sampleError, setSampleError] = useState<unknown>();
  const file = useRef<File>(undefined);
  const making = useRef<AbortController>(undefined);
  useEffect(() => () => making.current?.abort(), []);
  usePageTitle("");

  const send = async (workbook: File) => {
    file.current = workbook;
    const accepted = await upload.upload({ file: workbook, schema: "workforce", ...choices });
    if (accepted) navigate(hrefs.import(accepted.import.importId));
  };

  const take = (workbook: File) => {
    const problem = refuse(workbook, maxUploadBytes);
    setRefusal(problem);
    if (!problem) void send(workbook);
  };

  const trySample = async (rows: number) => {
    const aborting = new AbortController();
    making.current = aborting;
    setRefusal("");
    setPreparing(rows);
    try {
      const seed = Math.floor(Math.random() * 1_000_000);
      const path = samplePath("workforce", { rows, issues: faults(rows), seed });
      const sample = await download({ ...connection, path, signal: aborting.signal });
      setPreparing(undefined);
      await send(sample);
    } catch (error) {
      if (aborting.signal.aborted) return;
      setPreparing(undefined);
      setSampleError(error);
    }
  };

  const startOver = () => {
    making.current?.abort();
    setPreparing(undefined);
    setSampleError(undefined);
    upload.reset();
  };

  const t = texts.start;
  const busy = preparing !== undefined || sampleError !== undefined || upload.status !== "idle";
  return (
    <div className="start">
      <div className="hero">
        <h1>{t.heading}</h1>
        <p className="lead">{t.lead}</p>
      </div>
      <div className="start-grid">
        <div className="start-drop">
          {busy ? (
            <UploadCard
              upload={upload}
              preparing={preparing}
              error={sampleError}
              onCancel={startOver}
              onRetry={upload.error && file.current ? () => file.current && void send(file.current) : undefined}
            />
          ) : (
            <DropZone maxBytes={maxUploadBytes} onFile={take} />
          )}
          {refusal && (
            <p className="note warn" role="alert">
              {refusal}
            </p>
          )}
        </div>
        <section className="card" aria-label={t.options} inert={busy}>
          <ImportOptions value={choices} onChange={setChoices} />
        </section>
        <div className="start-sample" inert={busy}>
          <SampleOffer onTry={(rows) => void trySample(rows)} />
        </div>
      </div>
      <OtherJobs />
      <RecentJobs />
    </div>
  );
}

function RecentJobs() {
  const { jobs } = useMyJobs();
  const live = jobs.some((job) => !isTerminal(job.status));
  const minute = Math.floor(useNow(live) / 60_000);
  if (jobs.length === 0) return null;
  return (
    <section className="recent" aria-labelledby="recent-heading">
      <div className="section-head">
        <h2 id="recent-heading">{texts.start.recent}</h2>
        <a href={hrefs.jobs}>{texts.start.allJobs}</a>
      </div>
      <ul className="job-list card">
        {jobs.slice(0, recentJobs).map((job) => (
          <JobRow key={job.jobId} job={job} minute={minute} />
        ))}
      </ul>
    </section>
  );
}

/** Says what is wrong with a file before its bytes travel; the server looks again, and closer. */
function refuse(file: File, maxBytes: number): string {
  const t = texts.start;
  if (file.size === 0) return t.empty;
  if (maxBytes > 0 && file.size > maxBytes) return t.tooLarge(formatBytes(file.size), formatBytes(maxBytes));
  if (/\.(csv|txt|tsv|pdf|docx?|png|jpe?g|zip)$/i.test(file.name)) return t.notAWorkbook(file.name);
  return "";
}
