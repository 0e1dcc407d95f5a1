import { t } from "../../messages/index.js";
import { useUpload } from "./UploadProvider.js";

/** For the other screens: a link to the upload in progress, or to the import that was created from it. */
export function UploadLink({ home, hrefOf }: { home: string; hrefOf: (importId: string) => string }) {
  const { status, loaded, total, paused, importId, preparing, error } = useUpload();
  if (status === "idle" && preparing === undefined && error === undefined) return null;
  const percent = total ? Math.floor((loaded / total) * 100) : 0;
  const text =
    error !== undefined
      ? t("upload.link.failed")
      : status === "accepted"
        ? t("upload.link.accepted")
        : status === "mapping"
          ? t("upload.link.mapping")
          : paused
            ? t("upload.link.paused", { percent })
            : preparing !== undefined
              ? t("upload.link.preparing")
              : t("upload.link.sending", { percent });
  return (
    <a className="upload-link" href={importId ? hrefOf(importId) : home}>
      {text}
    </a>
  );
}
