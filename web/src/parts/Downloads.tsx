import { importedPath, issuesCsvPath, reportPath } from "@headway/client";
import { texts } from "../texts.js";
import { Icon } from "./Icon.js";

/** The workbook of the rows that a committed import has put into the database. */
export function ImportedDownload({ importId }: { importId: string }) {
  return (
    <p className="actions downloads">
      <a className="button quiet" href={importedPath(importId)} download>
        <Icon name="download" />
        {texts.import.imported}
      </a>
    </p>
  );
}

/** The report workbook and the issues as CSV. */
export function Downloads({ importId }: { importId: string }) {
  return (
    <p className="actions downloads">
      <a className="button quiet" href={reportPath(importId)} download>
        <Icon name="download" />
        {texts.import.report}
      </a>
      <a className="button quiet" href={issuesCsvPath(importId)} download>
        <Icon name="download" />
        {texts.import.csv}
      </a>
    </p>
  );
}
