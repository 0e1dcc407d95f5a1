import type { ConnectionState } from "@headway/client";
import { useEffect, useState } from "react";
import { t } from "../messages/index.js";
import { useOnline } from "../ui/useOnline.js";

/** A lost connection is shown only after this delay, so that a fast reconnect shows nothing. */
const delayMs = 1500;

/** Reports a lost connection after a short delay. */
export function ConnectionNotice({ phase }: { phase: ConnectionState["phase"] }) {
  const [shown, setShown] = useState(false);
  const online = useOnline();
  // A stream can take a while to detect that the network is gone. The browser knows immediately.
  const lost = phase === "retrying" || (!online && phase !== "closed");
  useEffect(() => {
    if (!lost) return;
    const timer = setTimeout(() => setShown(true), delayMs);
    return () => {
      clearTimeout(timer);
      setShown(false);
    };
  }, [lost]);
  return (
    <div className="connection" role="status">
      {lost && shown && (
        <p>
          <span className="connection-dot" aria-hidden="true" />
          {online ? t("job.connection.lost") : t("job.connection.offline")}
        </p>
      )}
    </div>
  );
}
