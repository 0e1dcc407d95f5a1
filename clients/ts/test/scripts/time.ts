/** Streams that fall silent, clocks that are set, and computers that sleep. */
import { expect } from "vitest";
import { type Answer, event, stream } from "../scripted-server.js";
import { connected, rest, silence } from "./answers.js";
import type { Case } from "./run.js";

const hour = 3_600_000;
/** A stream after whose first state no byte arrives: a black hole. */
const hole = stream([connected, event(1)], { open: true });

/** A stream with a keepalive every 15 seconds of the clocks. */
const alive: Answer = async (request, response) => {
  await hole(request, response);
  const timer = setInterval(() => response.write(":\n\n"), 15_000);
  response.on("close", () => clearInterval(timer));
};

/** A stream that sends comments, but never a message. */
const comments: Answer = async (request, response) => {
  await stream([], { open: true })(request, response);
  const timer = setInterval(() => response.write(":\n\n"), 1000);
  response.on("close", () => clearInterval(timer));
};

const opened: NonNullable<Case["meanwhile"]> = async ({ tabs, until }) => {
  await until(() => tabs.every(({ snapshots }) => snapshots.length > 0));
};

const silent = (name: string, script: Answer[], meanwhile?: Case["meanwhile"]): Case => ({
  name,
  script: [...script, rest],
  ends: "completed",
  meanwhile: async (run) => {
    if (script[0] === hole) await opened(run);
    await meanwhile?.(run);
    const passed = await run.until(() => run.tabs.every(({ ended }) => ended));
    expect(passed, "the time until the end").toBeLessThan(60_000);
  },
});

export const time: Case[] = [
  silent("silence after the first state", [hole]),
  silent("comments without a message", [comments]),
  silent("silence after the headers", [stream([], { open: true })]),
  silent("silence instead of headers", [silence]),
  silent("silence twice, then the end", [hole], async ({ until, server }) => {
    await until(() => server.received.length > 1);
  }),
  silent("silence while the clock is set back", [hole], ({ setClock }) => setClock(-hour)),
  silent("silence while the clock is set forward", [hole], ({ setClock }) => setClock(hour)),
  silent("silence while the clock is set back again and again", [hole], async ({ setClock, advance }) => {
    for (let n = 0; n < 5; n++) {
      setClock(-60_000);
      await advance(5000);
    }
  }),
  silent("the computer sleeps for an hour", [hole], async ({ sleep, advance, server }) => {
    sleep(hour, "stops");
    await advance(8000);
    expect(server.received.length, "it reconnects soon after it woke up").toBeGreaterThan(1);
  }),
  silent("the computer sleeps, and the monotonic clock runs on", [hole], async ({ sleep, advance, server }) => {
    sleep(hour, "runs");
    await advance(8000);
    expect(server.received.length, "it reconnects soon after it woke up").toBeGreaterThan(1);
  }),
  silent("the browser comes online", [hole], async ({ window, advance, server }) => {
    window.dispatchEvent(new Event("online"));
    await advance(3000);
    expect(server.received.length).toBeGreaterThan(1);
  }),
  silent("the browser comes online while nothing answers", [silence], async ({ window, advance, server }) => {
    await advance(5000);
    window.dispatchEvent(new Event("online"));
    await advance(3000);
    expect(server.received.length).toBeGreaterThan(1);
  }),
  {
    name: "keepalives hold a stream for an hour",
    script: [alive],
    meanwhile: async ({ advance, server }) => {
      await advance(hour);
      expect(server.received).toHaveLength(1);
    },
    ends: "closed",
  },
  {
    name: "a clock that is set back does not end a stream with keepalives",
    script: [alive],
    meanwhile: async ({ advance, setClock, server }) => {
      for (let n = 0; n < 10; n++) {
        setClock(-hour);
        await advance(30_000);
      }
      expect(server.received).toHaveLength(1);
    },
    ends: "closed",
  },
  {
    name: "a clock that is set forward costs one reconnect at most",
    script: [alive],
    meanwhile: async (run) => {
      await opened(run);
      run.setClock(24 * hour);
      await run.advance(60_000);
      expect(run.server.received.length).toBeLessThanOrEqual(2);
    },
    ends: "closed",
  },
];
