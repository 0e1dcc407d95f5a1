import type { ConnectionState } from "@headway/client";
import { useEffect, useState } from "react";
import { texts } from "../ui/texts.js";
import { useOnline } from "../ui/useOnline.js";

/** A reconnect that takes no longer than this is nobody's business. */
const patienceMs = 1500;

/** Says calmly that the connection is lost, once it has been for a while. */
export function ConnectionNotice({ phase }: { phase: ConnectionState["phase"] }) {
  const [shown, setShown] = useState(false);
  const online = useOnline();
  // A stream can take long to notice that the network is gone; the browser knows at once.
  const lost = phase === "retrying" || (!online && phase !== "closed");
  useEffect(() => {
    if (!lost) return;
    const timer = setTimeout(() => setShown(true), patienceMs);
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
          {online ? texts.connection.lost : texts.connection.offline}
        </p>
      )}
    </div>
  );
}
