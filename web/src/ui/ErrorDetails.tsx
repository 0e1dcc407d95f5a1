import { t } from "../messages/index.js";

/** Shows an error's code and the request ID from the server's log, under "Details". */
export function ErrorDetails({ reason, requestId }: { reason: string; requestId?: string | undefined }) {
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
    </details>
  );
}
