/** Tokens that expire, and functions that do not return one. */
import { expect, vi } from "vitest";
import { HeadwayError } from "../../src/index.js";
import { brokenStream, event, refusal, stream } from "../scripted-server.js";
import { connected, done, rest } from "./answers.js";
import type { Case } from "./run.js";

const authorizations: (expected: (string | undefined)[]) => Case["check"] =
  (expected) =>
  ({ server }) =>
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual(expected);

const reauth = 'data: {"type":"reauth"}\n\n';
const never = () => new Promise<never>(() => {});
const refresh = (refused: boolean) => (refused ? "fresh" : "old");

/** Returns a function that behaves differently the first time. */
const first = (before: () => unknown, after: () => unknown) => () => {
  let asked = 0;
  return { token: () => (asked++ === 0 ? before() : after()) as string };
};

export const tokens: Case[] = [
  {
    name: "a token that was refused, and a fresh one",
    script: [refusal(401, "TOKEN_EXPIRED"), rest],
    options: { token: refresh },
    ends: "completed",
    check: authorizations(["Bearer old", "Bearer fresh"]),
  },
  {
    name: "only refused tokens",
    script: [refusal(401, "TOKEN_INVALID")],
    options: { token: () => "wrong" },
    ends: "TOKEN_INVALID",
  },
  {
    name: "a fixed token that is refused",
    script: [refusal(401, "TOKEN_EXPIRED")],
    options: { token: "fixed" },
    ends: "TOKEN_EXPIRED",
  },
  {
    name: "a token that rotates with every request",
    script: [
      brokenStream([connected, event(1)]),
      brokenStream([connected, event(2)]),
      stream([connected, event(3, done)]),
    ],
    options: () => {
      let n = 0;
      return { token: () => `t${++n}` };
    },
    ends: "completed",
    check: authorizations(["Bearer t1", "Bearer t2", "Bearer t3"]),
  },
  {
    name: "a token that expires while the stream is open",
    script: [stream([connected, event(1), reauth], { open: true }), rest],
    options: { token: refresh },
    ends: "completed",
    check: authorizations(["Bearer old", "Bearer fresh"]),
  },
  {
    name: "a fixed token that expires while the stream is open",
    script: [stream([connected, event(1), reauth]), refusal(401, "TOKEN_EXPIRED")],
    options: { token: "fixed" },
    ends: "TOKEN_EXPIRED",
  },
  {
    name: "fresh tokens that all expire soon, without a request loop",
    script: [stream([connected, event(1), reauth], { open: true })],
    options: { token: () => "short" },
    meanwhile: async ({ server, advance }) => {
      await advance(60_000);
      expect(server.received.length).toBeLessThan(20);
    },
    ends: "closed",
  },
  {
    name: "a fresh token, and a server that is unavailable",
    script: [refusal(401, "TOKEN_EXPIRED"), refusal(503, "UNAVAILABLE"), refusal(503, "UNAVAILABLE"), rest],
    options: { token: refresh },
    ends: "completed",
  },
  {
    name: "no token",
    script: [rest],
    options: { token: () => undefined },
    ends: "completed",
    check: authorizations([undefined]),
  },
  {
    name: "a function that throws once",
    script: [rest],
    options: first(
      () => {
        throw new TypeError("the token service is unavailable");
      },
      () => "good",
    ),
    ends: "completed",
  },
  {
    name: "a function that throws undefined once",
    script: [rest],
    options: first(
      () => Promise.reject(null),
      () => "good",
    ),
    ends: "completed",
  },
  { name: "a function that hangs once", script: [rest], options: first(never, () => "good"), ends: "completed" },
  {
    name: "a function that always throws",
    script: [rest],
    options: { token: () => Promise.reject(new Error("away")) },
    shows: "NETWORK",
  },
  { name: "a function that always hangs", script: [rest], options: { token: never }, shows: "NETWORK" },
  {
    name: "a function that refuses",
    script: [rest],
    options: { token: () => Promise.reject(new HeadwayError(403, { reason: "SIGNED_OUT" })) },
    ends: "SIGNED_OUT",
  },
  { name: "a token that no header can hold", script: [rest], options: { token: "a\nb" }, shows: "NETWORK" },
];

/** Replaces the global fetch. */
const withFetch = (replace: (real: typeof fetch) => typeof fetch) => () => {
  const real = fetch;
  vi.stubGlobal("fetch", vi.fn(replace(real)));
  return {};
};

/** Replaces the reader of a response's body. */
const withReader = (change: (reader: ReadableStreamDefaultReader<Uint8Array>) => object) =>
  withFetch((real) => async (...request) => {
    const response = await real(...request);
    const { body } = response;
    if (!body) return response;
    const getReader = () => Object.assign(Object.create(null), change(body.getReader()));
    return Object.defineProperty(response, "body", { value: { getReader } });
  });

const drains = stream([connected, event(1), 'data: {"type":"draining"}\n\n'], { open: true });

/** Known errors in implementations of fetch. */
export const fetches: Case[] = [
  {
    // Node 20 and 22, nodejs/undici#4089.
    name: "a read that never settles after an abort",
    script: [drains, rest],
    options: withReader((reader) => ({
      read: () => reader.read().catch(never),
      cancel: never,
    })),
    ends: "completed",
  },
  {
    name: "a stream that never reports its end",
    script: [stream([connected, event(1)]), rest],
    options: withReader((reader) => ({
      read: async () => {
        const chunk = await reader.read();
        return chunk.done ? never() : chunk;
      },
      cancel: never,
    })),
    ends: "completed",
  },
  {
    name: "a response that arrives in spite of an abort",
    script: [stream([], { open: true }), rest],
    options: withFetch((real) => (input, init) => real(input, { ...init, signal: null })),
    ends: "completed",
  },
  {
    name: "a fetch that throws",
    script: [rest],
    options: withFetch((real) => {
      let calls = 0;
      return (...request) => {
        if (++calls === 1) throw new TypeError("blocked by an extension");
        return real(...request);
      };
    }),
    ends: "completed",
  },
  {
    name: "a body that is missing",
    script: [rest],
    options: withFetch((real) => {
      let calls = 0;
      return async (...request) => {
        const response = await real(...request);
        return ++calls === 1 ? Object.defineProperty(response, "body", { value: null }) : response;
      };
    }),
    ends: "completed",
  },
];
