import { useJobs } from "@headway/client/react";
import { type ReactNode, useEffect, useRef } from "react";
import { UploadLink } from "./importer/upload/UploadLink.js";
import { UploadProvider, useUpload } from "./importer/upload/UploadProvider.js";
import { Unavailable } from "./job/Unavailable.js";
import { t } from "./messages/index.js";
import { useLanguage } from "./messages/language.js";
import { ImportScreen } from "./screens/import/ImportScreen.js";
import { JobScreen } from "./screens/job/JobScreen.js";
import { JobsScreen } from "./screens/jobs/JobsScreen.js";
import { SignInScreen } from "./screens/sign-in/SignInScreen.js";
import { StartScreen } from "./screens/start/StartScreen.js";
import { Header } from "./shell/Header.js";
import { JobsContext, useOwnJobs } from "./shell/JobsContext.js";
import { currentRoute, hrefs, navigate, useRoute } from "./shell/router.js";
import { StreamHint } from "./shell/StreamHint.js";
import { SessionGate, useSession } from "./shell/session.js";
import { LanguageChoice } from "./ui/LanguageChoice.js";

/** The whole page. */
export function App() {
  useLanguage(); // the texts of all components are in the language of the page
  return (
    <SessionGate SignIn={SignInScreen}>
      <OwnJobs>
        <OwnUpload>
          <SignedIn />
        </OwnUpload>
      </OwnJobs>
    </SessionGate>
  );
}

/** Keeps the user's jobs up to date. Only the components that read them render again when they change. */
function OwnJobs({ children }: { children: ReactNode }) {
  return <JobsContext value={useJobs()}>{children}</JobsContext>;
}

/** Keeps the upload above the screens. On the start page, its import is shown when it was accepted. */
function OwnUpload({ children }: { children: ReactNode }) {
  const { user } = useSession();
  const accepted = (importId: string) => {
    if (currentRoute()?.view === "start") navigate(hrefs.import(importId));
  };
  return (
    <UploadProvider user={user} onAccepted={accepted}>
      {children}
    </UploadProvider>
  );
}

/** Shows the upload in the header of all screens but its own. */
function OwnUploadLink({ view, importId }: { view: string | undefined; importId: string | undefined }) {
  const upload = useUpload();
  const here = view === "start" || (importId !== undefined && upload.importId === importId);
  return here ? null : <UploadLink home={hrefs.start} hrefOf={hrefs.import} />;
}

function OwnStreamHint() {
  return <StreamHint phase={useOwnJobs().connection} />;
}

function SignedIn() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const screen = JSON.stringify(route ?? null);

  // A new screen starts at its top, and keyboards and screen readers continue from there.
  const shown = useRef(screen);
  useEffect(() => {
    if (shown.current === screen) return;
    shown.current = screen;
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [screen]);

  return (
    <>
      <a className="skip" href={`${window.location.pathname}#main`}>
        {t("shell.skipToContent")}
      </a>
      <Header view={route?.view}>
        <OwnUploadLink view={route?.view} importId={route?.view === "import" ? route.importId : undefined} />
      </Header>
      <main id="main" ref={main} tabIndex={-1}>
        <OwnStreamHint />
        {!route && <Unavailable error={undefined} deleted home={{ href: hrefs.start, text: t("shell.startPage") }} />}
        {route?.view === "start" && <StartScreen />}
        {route?.view === "jobs" && <JobsScreen />}
        {route?.view === "import" && <ImportScreen key={route.importId} importId={route.importId} />}
        {route?.view === "job" && <JobScreen key={route.jobId} kind={route.kind} jobId={route.jobId} />}
      </main>
      <footer className="foot">
        <LanguageChoice />
      </footer>
    </>
  );
}
