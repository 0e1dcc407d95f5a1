/** Runs watches against scripted servers, over each transport, on a clock that the test moves. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type ConnectionState,
  type HeadwayError,
  type JobSnapshot,
  type WatchJobOptions,
  watchJob,
} from "../../src/index.js";
import { shareStreams } from "../../src/shared/index.js";
import { stubBrowser } from "../browser.js";
import { type Answer, type ScriptedServer, startScriptedServer } from "../scripted-server.js";

export type Transport = "alone" | "worker" | "leader";

/** A watch of the scripted job by one tab. */
export interface Watched {
  snapshots: JobSnapshot[];
  states: ConnectionState[];
  deleted: string[];
  completed: JobSnapshot[];
  ended: boolean;
  error: HeadwayError | undefined;
  close: () => void;
}

/** The running case: its server, its tabs, and its clocks. */
export interface Run {
  server: ScriptedServer;
  tabs: Watched[];
  window: EventTarget;
  /** Moves all clocks forward, and lets network traffic happen in between. */
  advance: (milliseconds: number) => Promise<void>;
  /** Moves the clocks forward until the condition is true. It returns the time that has passed. */
  until: (holds: () => boolean) => Promise<number>;
  /** Sets the wall clock forward or back. */
  setClock: (byMs: number) => void;
  /** Puts the computer to sleep: no timer runs. On some systems the monotonic clock stops as well. */
  sleep: (milliseconds: number, monotonic: "stops" | "runs") => void;
}

/** A script, and how a watch of it ends or what it shows. */
export interface Case {
  name: string;
  /** The responses in order. The last one repeats. */
  script: Answer[];
  options?: Partial<WatchJobOptions> | (() => Partial<WatchJobOptions>);
  /** Runs after the watches have started. */
  meanwhile?: (run: Run) => Promise<void> | void;
  /** The terminal status, `deleted`, the reason of the error that ends the watch, or `closed` by the tab itself. */
  ends?: string;
  /** The reason in the connection state while the watch keeps retrying. */
  shows?: string;
  /** The revisions that the first tab receives. */
  revisions?: number[];
  /** The Last-Event-ID of each request. */
  ids?: (string | undefined)[];
  /** Further checks at the end. */
  check?: (run: Run) => void;
  /** The transports that the case is about; all by default. */
  only?: readonly Transport[];
}

/** The step of the clocks between two turns of the event loop. */
const stepMs = 100;
/** A time that is longer than every wait of the client. */
const limitMs = 30 * 60_000;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function advance(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= stepMs) {
    await vi.advanceTimersByTimeAsync(Math.min(left, stepMs));
    // A response over loopback takes a few turns of the event loop.
    for (let n = 0; n < 4; n++) await turn();
  }
}

async function until(holds: () => boolean): Promise<number> {
  let passed = 0;
  for (; !holds(); passed += stepMs) {
    if (passed > limitMs) throw new Error("the condition never became true");
    await advance(stepMs);
  }
  return passed;
}

function startWatch(server: ScriptedServer, transport: Transport, options: Partial<WatchJobOptions>): Watched {
  const watched: Watched = {
    snapshots: [],
    states: [],
    deleted: [],
    completed: [],
    ended: false,
    error: undefined,
    close: () => watch.close(),
  };
  const watch = watchJob({
    jobId: "j1",
    kind: "import",
    baseUrl: server.baseUrl,
    ...(transport !== "alone" && { transport: shareStreams({ user: "ann", by: [transport] }) }),
    onUpdate: (snapshot) => watched.snapshots.push(snapshot),
    onConnection: (state) => watched.states.push(state),
    onDeleted: (jobId) => watched.deleted.push(jobId),
    onComplete: (snapshot) => watched.completed.push(snapshot),
    ...options,
  });
  watch.done.then(
    () => {
      watched.ended = true;
    },
    (error: HeadwayError) => {
      watched.ended = true;
      watched.error = error;
    },
  );
  return watched;
}

/** Reports how a watch has ended. */
function endOf({ completed, deleted, error }: Watched): string {
  return error?.reason ?? error?.message ?? completed[0]?.status ?? (deleted.length > 0 ? "deleted" : "closed");
}

const shownBy = ({ states }: Watched) => {
  const last = states.at(-1);
  return last?.phase === "retrying" ? last.error?.reason : undefined;
};

/** Returns the name of a case's test: the script, and what the watch does then. */
function titleOf({ name, ends, shows }: Case): string {
  if (shows !== undefined) return `${name}: the watch keeps retrying, and shows ${shows}`;
  return ends === "closed" ? `${name}: the watch stays open` : `${name}: the watch ends with ${ends}`;
}

/** Declares a test for each case over one transport. */
export function runCases(transport: Transport, groups: Record<string, readonly Case[]>): void {
  let run: Run | undefined;
  let monotonicAhead = 0;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });
    monotonicAhead = 0;
    const fake = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => fake() + monotonicAhead);
  });
  afterEach(async () => {
    for (const tab of run?.tabs ?? []) tab.close();
    await run?.server.close();
    // An unused link closes after a second.
    await advance(2000);
    const left = vi.getTimerCount();
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    run = undefined;
    // The broker in the worker has a timer for its tabs as long as the worker runs.
    expect(left, "timers are left").toBe(transport === "worker" ? 1 : 0);
  });

  for (const [group, cases] of Object.entries(groups)) {
    describe(group, () => {
      const here = cases.filter(({ only }) => only?.includes(transport) ?? true);
      test.each(here.map((each) => ({ ...each, title: titleOf(each) })))("$title", async (each) => {
        const server = await startScriptedServer(...each.script);
        const window = await stubBrowser(server.baseUrl, transport === "worker" ? 1 : 0);
        const options = typeof each.options === "function" ? each.options() : (each.options ?? {});
        // Two tabs of a browser watch the same job. Without sharing, there is one.
        const tabs = Array.from({ length: transport === "alone" ? 1 : 2 }, () =>
          startWatch(server, transport, options),
        );
        const now: Run = {
          server,
          tabs,
          window,
          advance,
          until,
          setClock: (byMs) => vi.setSystemTime(Date.now() + byMs),
          sleep: (milliseconds, monotonic) => {
            vi.setSystemTime(Date.now() + milliseconds);
            if (monotonic === "runs") monotonicAhead += milliseconds;
          },
        };
        run = now;
        await each.meanwhile?.(now);

        if (each.shows !== undefined) {
          await until(() => tabs.every((tab) => shownBy(tab) === each.shows));
          expect(tabs.map(({ ended }) => ended)).toEqual(tabs.map(() => false));
        } else {
          if (each.ends === "closed") for (const { close } of tabs) close();
          await until(() => tabs.every(({ ended }) => ended));
          expect(tabs.map(endOf)).toEqual(tabs.map(() => each.ends));
          const requests = server.received.length;
          await advance(1000);
          expect(server.received.length, "no request after the end").toBe(requests);
          for (const { states, completed } of tabs) {
            expect(states.at(-1)?.phase).toBe("closed");
            expect(completed.length, "onComplete is called once at most").toBeLessThanOrEqual(1);
          }
        }
        if (each.revisions) expect(tabs[0]?.snapshots.map(({ revision }) => revision)).toEqual(each.revisions);
        if (each.ids) expect(server.received.map(({ headers }) => headers["last-event-id"])).toEqual(each.ids);
        each.check?.(now);
      });
    });
  }
}
