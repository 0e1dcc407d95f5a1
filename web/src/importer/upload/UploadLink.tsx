import { texts } from "./texts.js";
import { useUpload } from "./UploadProvider.js";

/** A link to the upload in progress, or to the import that it became, for the other screens. */
export function UploadLink({ home, hrefOf }: { home: string; hrefOf: (importId: string) => string }) {
  const { state, preparing, error } = useUpload();
  if (state.status === "idle" && preparing === undefined && !error) return null;
  const percent = state.total ? Math.floor((state.loaded / state.total) * 100) : 0;
  const text =
    error || state.status === "failed"
      ? texts.link.failed
      : state.status === "accepted"
        ? texts.link.accepted
        : state.paused
          ? texts.link.paused(percent)
          : preparing !== undefined
            ? texts.link.preparing
            : texts.link.sending(percent);
  return (
    <a className="upload-link" href={state.importId ? hrefOf(state.importId) : home}>
      {text}
    </a>
  );
}
