/** Streams that end, start again, or contradict what they sent before. */
import { expect } from "vitest";
import { brokenStream, event, json, refusal, stream } from "../scripted-server.js";
import { connected, done, rest } from "./answers.js";
import type { Case } from "./run.js";

const control = (type: string, fields = {}) => `data: ${JSON.stringify({ type, ...fields })}\n\n`;
const open = { open: true };

export const states: Case[] = [
  {
    name: "a job from its start to its end",
    script: [stream([connected, event(1), event(2), event(3, done)])],
    ends: "completed",
    revisions: [1, 2, 3],
  },
  {
    name: "a job that has ended already",
    script: [stream([connected, event(9, done)])],
    ends: "completed",
    revisions: [9],
  },
  { name: "a job that fails", script: [stream([connected, event(1), event(2, { status: "failed" })])], ends: "failed" },
  {
    name: "a job that is cancelled",
    script: [stream([connected, event(1), event(2, { status: "cancelled" })])],
    ends: "cancelled",
  },
  {
    name: "a stream that stays open after the end",
    script: [stream([connected, event(2, done)], open)],
    ends: "completed",
  },
  {
    name: "messages after the end",
    script: [stream([connected, event(2, done), event(3), event(4)], open)],
    ends: "completed",
    revisions: [2],
  },
  {
    name: "two ends",
    script: [stream([connected, event(2, done), event(3, { status: "failed" })], open)],
    ends: "completed",
    revisions: [2],
  },
  {
    name: "an end and a deletion",
    script: [stream([connected, event(2, done), control("job_deleted", { jobId: "j1" })], open)],
    ends: "completed",
    check: ({ tabs }) => expect(tabs.map(({ deleted }) => deleted)).toEqual(tabs.map(() => [])),
  },
  {
    name: "the end of another job",
    script: [stream([connected, event(1), event(2, { ...done, jobId: "j2" }), event(3, done)], open)],
    ends: "completed",
    revisions: [1, 3],
  },
  {
    name: "the stream of another job",
    script: [
      async (request, response) => {
        const timer = setInterval(() => response.write(":\n\n"), 1000);
        response.on("close", () => clearInterval(timer));
        await stream([connected.replace('"j1"', '"j2"')], { open: true })(request, response);
      },
      rest,
    ],
    ends: "completed",
  },
  {
    name: "the deletion of another job",
    script: [stream([connected, event(1), control("job_deleted", { jobId: "j2" }), event(2, done)], open)],
    ends: "completed",
    revisions: [1, 2],
  },
  {
    name: "a second initial state in the same stream",
    script: [stream([connected, event(5), connected, event(3), event(4, done)], open)],
    ends: "completed",
    revisions: [5, 3, 4],
  },
  {
    name: "a repeated revision",
    script: [stream([connected, event(1), event(1), event(2), event(2), event(3, done)])],
    ends: "completed",
    revisions: [1, 2, 3],
  },
  {
    name: "a lower revision",
    script: [stream([connected, event(5), event(3), event(6, done)])],
    ends: "completed",
    revisions: [5, 6],
  },
  {
    name: "the known revision after a reconnect",
    script: [brokenStream([connected, event(5)]), stream([connected, event(5), event(6, done)])],
    ends: "completed",
    revisions: [5, 6],
  },
  {
    name: "lower revisions after a reconnect, because the server was restored from a backup",
    script: [brokenStream([connected, event(7)]), stream([connected, event(3), event(4), event(5, done)])],
    ends: "completed",
    revisions: [7, 3, 4, 5],
  },
  {
    name: "an end with a lower revision after a reconnect",
    script: [brokenStream([connected, event(7)]), stream([connected, event(6, done)])],
    ends: "completed",
    revisions: [7, 6],
  },
  {
    name: "a job that ended while the connection was lost",
    script: [brokenStream([connected, event(1)]), stream([connected, event(8, done)])],
    ends: "completed",
    revisions: [1, 8],
  },
  {
    name: "a job that failed and was retried while the connection was lost",
    script: [
      brokenStream([connected, event(4)]),
      stream([connected, event(9, { status: "queued", attempt: 2 }), event(10, done)]),
    ],
    ends: "completed",
    revisions: [4, 9, 10],
  },
  {
    name: "IDs of another form after a reconnect",
    script: [
      brokenStream([connected, event(4)]),
      stream([connected, event(5).replace("id: 5", "id: other-5"), event(6, done)]),
    ],
    ends: "completed",
  },
  {
    name: "a job that is deleted",
    script: [stream([connected, event(1), control("job_deleted", { jobId: "j1" })], open)],
    ends: "deleted",
  },
  {
    name: "a job that was deleted while the connection was lost",
    script: [brokenStream([connected, event(1)]), refusal(404, "JOB_NOT_FOUND")],
    ends: "JOB_NOT_FOUND",
  },
  {
    name: "a server that drains",
    script: [stream([connected, event(1), control("draining")], open), rest],
    ends: "completed",
    ids: [undefined, "1"],
  },
  {
    name: "a server that drains and closes",
    script: [stream([connected, event(1), control("draining")]), rest],
    ends: "completed",
  },
  {
    name: "five restarts in a row",
    script: [
      ...Array.from({ length: 5 }, (_, n) => stream([connected, event(n + 1), control("draining")])),
      stream([connected, event(6, done)]),
    ],
    ends: "completed",
    revisions: [1, 2, 3, 4, 5, 6],
  },
  {
    name: "a server at its limit of streams",
    script: [stream([connected.replace("10", "60000").replace("connected", "limit")]), rest],
    ends: "completed",
  },
  {
    name: "a stream that a later one replaces",
    script: [
      stream([
        connected,
        event(1),
        `retry: 90000\n${control("limit", { reason: "STREAM_LIMIT", message: "Too many streams." })}`,
      ]),
    ],
    shows: "STREAM_LIMIT",
  },
  {
    name: "a server at its limit of streams, with the reason",
    script: [stream([control("limit", { reason: "STREAM_LIMIT", message: "Too many streams." })])],
    shows: "STREAM_LIMIT",
  },
  {
    name: "another user's stream",
    script: [stream([connected.replace("ann", "bob"), event(1)], open)],
    only: ["worker", "leader"],
    ends: "USER_CHANGED",
    revisions: [],
  },
  {
    name: "a proxy's error between two streams",
    script: [brokenStream([connected, event(1)]), json(502, { error: "bad gateway" }), json(502, {}), rest],
    ends: "completed",
    check: ({ tabs }) => expect(tabs[0]?.states.some(({ error }) => error?.status === 502)).toBe(true),
  },
];
