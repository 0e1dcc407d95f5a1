import { isTerminal } from "@headway/client";
import { Logo } from "../ui/Logo.js";
import { texts } from "../ui/texts.js";
import { useMyJobs } from "./JobsContext.js";
import { hrefs, type Route } from "./router.js";
import { useSession } from "./session.js";

/** The line at the top: where one is, how many jobs are under way, who is signed in. */
export function Header({ view }: { view: Route["view"] | undefined }) {
  const { jobs } = useMyJobs();
  const session = useSession();
  const live = jobs.filter((job) => !isTerminal(job.status)).length;
  return (
    <header className="top">
      <div className="top-inner">
        <a className="home" href={hrefs.start} aria-label={texts.name}>
          <Logo />
        </a>
        <nav aria-label={texts.nav.label}>
          <a href={hrefs.start} aria-current={view === "start" ? "page" : view === "import" ? "true" : undefined}>
            {texts.nav.start}
          </a>
          <a href={hrefs.jobs} aria-current={view === "jobs" ? "page" : view === "job" ? "true" : undefined}>
            {texts.nav.jobs}
            {live > 0 && (
              <span className="count">
                {live}
                <span className="visually-hidden"> {texts.nav.live(live)}</span>
              </span>
            )}
          </a>
        </nav>
        <div className="who">
          <a href="/docs">{texts.nav.docs}</a>
          <span className="user" title={`${texts.session.signedInAs} ${session.user}`}>
            {session.user}
          </span>
          <button className="button quiet small" type="button" onClick={session.signOut}>
            {texts.session.signOut}
          </button>
        </div>
      </div>
    </header>
  );
}
