import { HeadwayError } from "@headway/client";
import { errorText } from "../messages/server.js";
import { ErrorDetails } from "./ErrorDetails.js";
import { Icon } from "./Icon.js";

/** Shows an error: the server's message, and under “Details” the code and the request ID that an operator needs. */
export function ErrorNote({ error, heading }: { error: unknown; heading?: string }) {
  const known = error instanceof HeadwayError ? error : undefined;
  return (
    <div className="note bad" role="alert">
      <Icon name="alert" />
      <div>
        {heading && <strong>{heading}</strong>}
        <p>{errorText(error)}</p>
        {known && known.status > 0 && (
          <ErrorDetails reason={known.reason} requestId={known.requestId} message={known.message} />
        )}
      </div>
    </div>
  );
}
