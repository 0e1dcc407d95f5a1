import { HeadwayError } from "@headway/client";
import { ErrorDetails } from "./ErrorDetails.js";
import { Icon } from "./Icon.js";
import { texts } from "./texts.js";

/** Shows an error: the server's message, and under “Details” the code and the request ID that an operator needs. */
export function ErrorNote({ error, heading }: { error: unknown; heading?: string }) {
  const known = error instanceof HeadwayError ? error : undefined;
  const own = texts.errors[known?.reason ?? "unknown"];
  const message = known && known.status > 0 && known.message !== `HTTP ${known.status}` ? known.message : "";
  return (
    <div className="note bad" role="alert">
      <Icon name="alert" />
      <div>
        {heading && <strong>{heading}</strong>}
        <p>{message || own || texts.errors.unknown}</p>
        {known && known.status > 0 && <ErrorDetails reason={known.reason} requestId={known.requestId} />}
      </div>
    </div>
  );
}
