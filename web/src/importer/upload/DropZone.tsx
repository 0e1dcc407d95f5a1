import { type DragEvent, useId, useRef, useState } from "react";
import { t } from "../../messages/index.js";
import { formatBytes } from "../../ui/format.js";
import { Icon } from "../../ui/Icon.js";

interface DropZoneProps {
  maxBytes: number;
  /** Called with the dropped or chosen files, of which there is at least one. */
  onFiles: (files: File[]) => void;
}

const fileTypes =
  ".xlsx,.xlsm,.ods,.csv,.tsv,.tab,.psv,.txt,.zip,application/zip,text/csv,text/tab-separated-values,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet,application/vnd.oasis.opendocument.spreadsheet";

/** Takes files by drag and drop, with the mouse, or with the keyboard. */
export function DropZone({ maxBytes, onFiles }: DropZoneProps) {
  const input = useRef<HTMLInputElement>(null);
  const hint = useId();
  const [over, setOver] = useState(0);

  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(0);
    const files = [...event.dataTransfer.files];
    if (files.length > 0) onFiles(files);
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button does the same with the keyboard
    <div
      className="drop"
      data-over={over > 0 || undefined}
      onDragEnter={() => setOver((n) => n + 1)}
      onDragLeave={() => setOver((n) => Math.max(0, n - 1))}
      onDragOver={(event) => event.preventDefault()}
      onDrop={drop}
    >
      <span className="drop-picture">
        <Icon name="sheet" />
      </span>
      <p className="drop-title">{over > 0 ? t("upload.dropNow") : t("upload.drop")}</p>
      <p className="muted drop-or">{t("upload.or")}</p>
      <button
        className="button primary large"
        type="button"
        aria-describedby={hint}
        onClick={() => input.current?.click()}
      >
        <Icon name="upload" />
        {t("upload.choose")}
      </button>
      <p className="fine muted" id={hint}>
        {t("upload.limit", { size: formatBytes(maxBytes) })}
      </p>
      <input
        ref={input}
        type="file"
        multiple
        accept={fileTypes}
        hidden
        tabIndex={-1}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          event.target.value = "";
          if (files.length > 0) onFiles(files);
        }}
      />
    </div>
  );
}
