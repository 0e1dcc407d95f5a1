import { isTerminal, type JobSnapshot, outputPath } from "@headway/client";
import { useJobOutput } from "@headway/client/react";
import { useEffect, useMemo, useRef, useState } from "react";
import { t } from "../messages/index.js";
import { base } from "../ui/base.js";
import { ErrorNote } from "../ui/ErrorNote.js";
import { formatBytes } from "../ui/format.js";
import { Icon } from "../ui/Icon.js";
import { RecordsView } from "./RecordsView.js";
import { parseRecords } from "./records.js";

/**
 * A job's output as it grows: text that scrolls to its end, records, a picture that fills in, or a file to download.
 */
export function OutputCard({ job }: { job: JobSnapshot }) {
  const some = (job.outputBytes ?? 0) > 0;
  const output = useJobOutput({ jobId: some ? job.jobId : undefined, kind: job.kind });
  const picture = usePicture(output.chunks);
  const records = useMemo(() => parseRecords(output.text), [output.text]);

  if (!some && (isTerminal(job.status) || job.kind === "import")) return null;
  return (
    <section className="card output" aria-labelledby="output-heading">
      <div className="section-head">
        <h2 id="output-heading">{t("job.output")}</h2>
        {some && (
          <a className="button quiet small" href={`${base}${outputPath(job.jobId)}`} download>
            <Icon name="download" />
            {t("job.outputDownload")}
          </a>
        )}
      </div>
      {output.error ? <ErrorNote error={output.error} /> : null}
      {!some && <p className="muted">{t("job.outputWaiting")}</p>}
      {output.truncated && (!output.binary || picture) && (
        <p className="muted fine">{picture ? t("job.pictureTruncated") : t("job.outputTruncated")}</p>
      )}
      {some && output.binary && !picture && (
        <p className="muted">{t("job.outputBinary", { size: formatBytes(output.bytes) })}</p>
      )}
      {some && picture && <img src={picture} alt={t("job.picture")} />}
      {some && records && <RecordsView records={records} />}
      {some && !output.binary && !records && <Text text={output.text} />}
    </section>
  );
}

/** Text that scrolls to its end as it grows, unless the user has scrolled up. */
function Text({ text }: { text: string }) {
  const box = useRef<HTMLPreElement>(null);
  const [following, setFollowing] = useState(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: every new text moves the end
  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text, following]);

  return (
    <pre
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: scrolled }) => {
        setFollowing(scrolled.scrollHeight - scrolled.scrollTop - scrolled.clientHeight < 24);
      }}
    >
      {text}
    </pre>
  );
}

/** The first characters of the picture formats that browsers can show. A dot matches any character. */
const signatures: [type: string, beginning: RegExp][] = [
  ["image/png", /^\x89PNG/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8/],
  ["image/webp", /^RIFF....WEBP/s],
];

/** Returns the first characters of an output, one per byte. */
const beginning = (chunks: readonly Uint8Array[]) => {
  const bytes: number[] = [];
  for (const chunk of chunks) {
    bytes.push(...chunk.subarray(0, 12));
    if (bytes.length >= 12) break;
  }
  return String.fromCharCode(...bytes);
};

/** Returns a URL of the output as a picture, if it starts like one. */
function usePicture(chunks: readonly Uint8Array<ArrayBuffer>[]): string | undefined {
  const type = useMemo(() => {
    const head = beginning(chunks);
    return signatures.find(([, signature]) => signature.test(head))?.[0];
  }, [chunks]);
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (!type) return;
    const made = URL.createObjectURL(new Blob([...chunks], { type }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [type, chunks]);
  return type && address;
}
