import { HeadwayError } from "@headway/client";
import { Icon } from "./Icon.js";
import { texts } from "./texts.js";

/** What went wrong, in the server's sentence, with the reason that operators ask for. */
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
        {known && known.status > 0 && (
          <p className="fine">
            <code>{known.reason}</code>
            {known.requestId && <code>{known.requestId}</code>}
          </p>
        )}
      </div>
    </div>
  );
}
