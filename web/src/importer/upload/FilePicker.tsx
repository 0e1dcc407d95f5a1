import { t } from "../../messages/index.js";
import { formatBytes } from "../../ui/format.js";
import { Icon } from "../../ui/Icon.js";

/** The maximum number of dropped files in the list. */
const listed = 20;

interface FilePickerProps {
  files: readonly File[];
  onPick: (file: File) => void;
  onCancel: () => void;
}

/** Asks which of several dropped files to import. */
export function FilePicker({ files, onPick, onCancel }: FilePickerProps) {
  return (
    <section className="card picker" aria-labelledby="picker-heading">
      <h2 id="picker-heading">{t("upload.several", { n: files.length })}</h2>
      <p className="muted">{t("upload.severalLead")}</p>
      <ul>
        {files.slice(0, listed).map((file, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two files can have the same name, and the list never changes
          <li key={index}>
            <button className="button" type="button" onClick={() => onPick(file)}>
              <Icon name="sheet" />
              <span className="picker-name">{file.name}</span>
              <span className="muted">{formatBytes(file.size)}</span>
            </button>
          </li>
        ))}
      </ul>
      {files.length > listed && <p className="fine muted">{t("upload.severalMore", { n: files.length - listed })}</p>}
      <div className="actions">
        <button className="button quiet" type="button" onClick={onCancel}>
          {t("upload.severalCancel")}
        </button>
      </div>
    </section>
  );
}
