import { t } from "../messages/index.js";
import { language } from "../messages/language.js";

interface ErrorDetailsProps {
  reason: string;
  requestId?: string | undefined;
  /** The server's message, which is in English and can be more specific. */
  message?: string | undefined;
}

/** Shows an error's code and the request ID from the server's log, under "Details". */
export function ErrorDetails({ reason, requestId, message }: ErrorDetailsProps) {
  return (
    <details className="error-details fine">
      <summary>{t("ui.details")}</summary>
      <p>
        {t("ui.errorCode")}: <code>{reason}</code>
      </p>
      {requestId && (
        <p>
          {t("ui.requestId")}: <code>{requestId}</code>
        </p>
      )}
      {message && language() !== "en" && <p lang="en">{message}</p>}
    </details>
  );
}
