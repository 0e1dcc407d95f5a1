import { isTerminal, type JobSnapshot } from "@headway/client";
import { useJobOutput } from "@headway/client/react";
import { useEffect, useMemo, useRef, useState } from "react";
import { ErrorNote } from "../ui/ErrorNote.js";
import { texts } from "./texts.js";

/** A job's output as it grows: text that scrolls to its end, or a picture that fills in. */
export function OutputCard({ job }: { job: JobSnapshot }) {
  const some = (job.outputBytes ?? 0) > 0;
  const output = useJobOutput({ jobId: some ? job.jobId : undefined, kind: job.kind });
  const picture = usePicture(output.chunks);
  const end = useRef<HTMLPreElement>(null);
  const [following, setFollowing] = useState(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: new text moves the end
  useEffect(() => {
    if (following && end.current) end.current.scrollTop = end.current.scrollHeight;
  }, [output.text, following]);

  if (!some && (isTerminal(job.status) || job.kind === "import")) return null;
  return (
    <section className="card output" aria-labelledby="output-heading">
      <h2 id="output-heading">{texts.output}</h2>
      {output.error ? <ErrorNote error={output.error} /> : null}
      {!some && <p className="muted">{texts.outputWaiting}</p>}
      {output.truncated && <p className="muted fine">{texts.outputTruncated}</p>}
      {some && picture && <img src={picture} alt={texts.picture} />}
      {some && !picture && (
        <pre
          ref={end}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          onScroll={({ currentTarget: box }) => {
            setFollowing(box.scrollHeight - box.scrollTop - box.clientHeight < 24);
          }}
        >
          {output.text}
        </pre>
      )}
    </section>
  );
}

/** The first bytes of the picture formats that browsers draw. */
const signatures: [type: string, bytes: number[]][] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
  ["image/webp", [0x52, 0x49, 0x46, 0x46]],
];

/** Returns an address of the output as a picture, if it starts like one. */
function usePicture(chunks: readonly Uint8Array<ArrayBuffer>[]): string | undefined {
  const type = useMemo(() => {
    const head = chunks[0];
    return head && signatures.find(([, bytes]) => bytes.every((byte, index) => head[index] === byte))?.[0];
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
