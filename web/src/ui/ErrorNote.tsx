import { HeadwayError } from "@headway/client";
import { isKey, t } from "../messages/index.js";
import { ErrorDetails } from "./ErrorDetails.js";
import { Icon } from "./Icon.js";

/** Shows an error: the server's message, and under “Details” the code and the request ID that an operator needs. */
export function ErrorNote({ error, heading }: { error: unknown; heading?: string }) {
  const known = error instanceof HeadwayError ? error : undefined;
  const own = `ui.error.${known?.reason}`;
  const message = known && known.status > 0 && known.message !== `HTTP ${known.status}` ? known.message : "";
  return (
    <div className="note bad" role="alert">
      <Icon name="alert" />
      <div>
        {heading && <strong>{heading}</strong>}
        <p>{message || t(isKey(own) ? own : "ui.error.unknown")}</p>
        {known && known.status > 0 && <ErrorDetails reason={known.reason} requestId={known.requestId} />}
      </div>
    </div>
  );
}
