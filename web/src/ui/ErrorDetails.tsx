import { texts } from "./texts.js";

/** Shows an error's code and the request ID from the server's log, under "Details". */
export function ErrorDetails({ reason, requestId }: { reason: string; requestId?: string | undefined }) {
  return (
    <details className="error-details fine">
      <summary>{texts.details}</summary>
      <p>
        {texts.errorCode}: <code>{reason}</code>
      </p>
      {requestId && (
        <p>
          {texts.requestId}: <code>{requestId}</code>
        </p>
      )}
    </details>
  );
}
