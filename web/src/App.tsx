import { useJobs } from "@headway/client/react";
import { type ReactNode, useEffect, useRef } from "react";
import { Unavailable } from "./job/Unavailable.js";
import { ImportView } from "./screens/import/ImportScreen.js";
import { JobView } from "./screens/job/JobScreen.js";
import { JobsView } from "./screens/jobs/JobsScreen.js";
import { StartView } from "./screens/start/StartScreen.js";
import { Header } from "./shell/Header.js";
import { JobsContext, useMyJobs } from "./shell/JobsContext.js";
import { useRoute } from "./shell/router.js";
import { StreamHint } from "./shell/StreamHint.js";
import { SessionGate } from "./shell/session.js";
import { texts } from "./ui/texts.js";

/** The whole page. */
export function App() {
  return (
    <SessionGate>
      <MyJobs>
        <SignedIn />
      </MyJobs>
    </SessionGate>
  );
}

/** Keeps my jobs live for all who look at them, and draws nobody else anew when they change. */
function MyJobs({ children }: { children: ReactNode }) {
  return <JobsContext value={useJobs()}>{children}</JobsContext>;
}

function MyStreamHint() {
  return <StreamHint phase={useMyJobs().connection} />;
}

function SignedIn() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const place = JSON.stringify(route ?? null);

  // A new place begins at its top, and keyboards and screen readers go on from there.
  const shown = useRef(place);
  useEffect(() => {
    if (shown.current === place) return;
    shown.current = place;
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [place]);

  return (
    <>
      <a className="skip" href="#main">
        {texts.skipToContent}
      </a>
      <Header view={route?.view} />
      <main id="main" ref={main} tabIndex={-1}>
        <MyStreamHint />
        {!route && <Unavailable error={undefined} deleted />}
        {route?.view === "start" && <StartView />}
        {route?.view === "jobs" && <JobsView />}
        {route?.view === "import" && <ImportView key={route.importId} importId={route.importId} />}
        {route?.view === "job" && <JobView key={route.jobId} kind={route.kind} jobId={route.jobId} />}
      </main>
    </>
  );
}
