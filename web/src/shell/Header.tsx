import { isTerminal } from "@headway/client";
import { type ReactNode, useState } from "react";
import { t } from "../messages/index.js";
import { base } from "../ui/base.js";
import { Logo } from "../ui/Logo.js";
import { useOwnJobs } from "./JobsContext.js";
import { hrefs, type Route } from "./router.js";
import { useSession } from "./session.js";

/** The header: the current page, the number of jobs in progress, and the user. `children` are shown before the user. */
export function Header({ view, children }: { view: Route["view"] | undefined; children?: ReactNode }) {
  const { jobs } = useOwnJobs();
  const session = useSession();
  const [stuck, setStuck] = useState(false);
  const signOut = () => {
    setStuck(false);
    session.signOut().catch(() => setStuck(true));
  };
  const live = jobs.filter((job) => !isTerminal(job.status)).length;
  return (
    <header className="top">
      <div className="top-inner">
        <a className="home" href={hrefs.start} aria-label={t("ui.name")}>
          <Logo />
        </a>
        <nav aria-label={t("shell.nav.label")}>
          <a href={hrefs.start} aria-current={view === "start" ? "page" : view === "import" ? "true" : undefined}>
            {t("shell.nav.start")}
          </a>
          <a href={hrefs.jobs} aria-current={view === "jobs" ? "page" : view === "job" ? "true" : undefined}>
            {t("shell.nav.jobs")}
            {live > 0 && (
              <span className="count">
                {live}
                <span className="visually-hidden"> {t("shell.nav.live", { n: live })}</span>
              </span>
            )}
          </a>
        </nav>
        <div className="who">
          {children}
          <a href={`${base}/docs`}>{t("shell.nav.docs")}</a>
          <span className="user" title={t("shell.signedInAs", { user: session.user ?? "" })}>
            {session.user}
          </span>
          <button className="button quiet small" type="button" onClick={signOut}>
            {t("shell.signOut")}
          </button>
        </div>
      </div>
      {stuck && (
        <p className="still-signed-in" role="alert">
          {t("shell.stillSignedIn")}
        </p>
      )}
    </header>
  );
}
