/** Responses that are not streams: refusals, errors, and pages of other programs. */
import { expect } from "vitest";
import { type Answer, brokenStream, event, json, refusal, stream } from "../scripted-server.js";
import type { Case } from "./run.js";

export const connected = 'retry: 10\ndata: {"type":"connected","jobId":"j1","keepaliveSeconds":15,"user":"ann"}\n\n';
export const done = { status: "completed", progress: 100 };

/** The rest of the job, with which most scripts end. */
export const rest = stream([connected, event(2, done)]);

const html = (status: number, headers: Record<string, string> = {}): Answer => {
  return (_request, response) => {
    response.writeHead(status, { "Content-Type": "text/html", ...headers });
    response.end("<html><body>a proxy</body></html>");
  };
};

const empty = (status: number, headers: Record<string, string> = {}): Answer => {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end();
  };
};

/** Never answers. */
export const silence: Answer = () => {};

/** Sends raw bytes instead of an HTTP response, and closes the connection. */
const raw = (bytes: string): Answer => {
  return (_request, response) => {
    response.socket?.end(bytes);
  };
};

const reset: Answer = (_request, response) => {
  response.socket?.resetAndDestroy();
};

const goesOn = (name: string, ...script: Answer[]): Case => ({ name, script: [...script, rest], ends: "completed" });

/** Cases in which another program answers, or none. */
export const otherAnswers: Case[] = [
  goesOn("a page with status 200", html(200)),
  goesOn("JSON that is not an error", json(200, { hello: "proxy" })),
  goesOn("a response without a content type", empty(200)),
  goesOn("a page with status 401", html(401, { "WWW-Authenticate": 'Basic realm="proxy"' })),
  goesOn("a page with status 403", html(403)),
  goesOn("a page with status 404", html(404)),
  goesOn("an empty 404", empty(404)),
  goesOn("an empty 410", empty(410)),
  goesOn("a page with status 500", html(500)),
  goesOn("a page with status 502", html(502)),
  goesOn("a page with status 504", html(504)),
  goesOn("a 408", empty(408)),
  goesOn("a 425", empty(425)),
  goesOn("a redirect to a page", empty(302, { Location: "/captive-portal" }), html(200)),
  goesOn("a redirect loop that ends", ...Array.from({ length: 21 }, () => empty(302, { Location: "/loop" }))),
  { name: "a redirect to the stream", script: [empty(307, { Location: "/moved" }), rest], ends: "completed" },
  goesOn("bytes that are not HTTP", raw("SSH-2.0-OpenSSH_9.6\r\n")),
  goesOn("a connection that is closed without a response", raw("")),
  goesOn("a connection that is reset", reset),
  goesOn("half of the headers", raw("HTTP/1.1 200 OK\r\nContent-Type: text/ev")),
  goesOn("a stream that ends immediately", stream([])),
  goesOn("a stream that breaks immediately", brokenStream([])),
  goesOn("no response", silence),
  goesOn("an error whose body never ends", (_request, response) => {
    response.writeHead(503, { "Content-Type": "application/json" });
    response.write('{"reason":"UNAVAIL');
  }),
  {
    name: "headers after 20 seconds",
    script: [
      (request, response) => {
        setTimeout(() => rest(request, response), 20_000);
      },
    ],
    ends: "completed",
    check: ({ server }) => expect(server.received).toHaveLength(1),
  },
  goesOn("an error of Kubernetes", json(404, { kind: "Status", status: "Failure", reason: "NotFound", code: 404 })),
  goesOn("an error whose reason is not text", json(403, { reason: { code: "FORBIDDEN" }, requestId: "r-1" })),
  {
    name: "a page with status 200 between two streams",
    script: [stream([connected, event(1)]), html(200), rest],
    ends: "completed",
    ids: [undefined, "1", "1"],
  },
  {
    name: "a redirect to a page of another origin, without the token",
    script: [
      (request, response) => {
        const port = request.socket.localPort;
        return empty(307, { Location: `http://localhost:${port}/captive-portal` })(request, response);
      },
      html(200),
      rest,
    ],
    options: { token: "secret" },
    ends: "completed",
    check: ({ server }) =>
      expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
        "Bearer secret",
        undefined,
        "Bearer secret",
      ]),
  },
  { name: "only pages with status 200", script: [html(200)], shows: "HTTP" },
  { name: "only pages with status 404", script: [html(404)], shows: "HTTP" },
  { name: "only resets", script: [reset], shows: "NETWORK" },
  { name: "only silence", script: [silence], shows: "NETWORK" },
  { name: "only silence, with a limit", script: [silence], options: { giveUpAfterMs: 100_000 }, ends: "NETWORK" },
  { name: "only pages, with a limit", script: [html(502)], options: { giveUpAfterMs: 100_000 }, ends: "HTTP" },
  {
    name: "a 204 before the end",
    script: [stream([connected, event(1)]), empty(204), rest],
    ends: "completed",
    ids: [undefined, "1", undefined],
  },
  { name: "only 204", script: [empty(204)], ends: "HTTP" },
];

/** Cases in which Headway refuses the stream. */
export const refusals: Case[] = [
  { name: "a job that does not exist", script: [refusal(404, "JOB_NOT_FOUND")], ends: "JOB_NOT_FOUND" },
  { name: "a missing permission", script: [refusal(403, "PERMISSION_DENIED")], ends: "PERMISSION_DENIED" },
  { name: "a missing token", script: [refusal(401, "TOKEN_MISSING")], ends: "TOKEN_MISSING" },
  { name: "a bad request", script: [refusal(400, "INVALID_ARGUMENT")], ends: "INVALID_ARGUMENT" },
  goesOn("429 with Retry-After", refusal(429, "RATE_LIMITED", { "Retry-After": "7" })),
  goesOn("429 without Retry-After", refusal(429, "STREAM_LIMIT")),
  goesOn("503 with a date in Retry-After", (request, response) => {
    const date = new Date(Date.now() + 5000).toUTCString();
    return refusal(503, "UNAVAILABLE", { "Retry-After": date })(request, response);
  }),
  goesOn(
    "503 with a Retry-After in the past",
    refusal(503, "UNAVAILABLE", { "Retry-After": new Date(0).toUTCString() }),
  ),
  {
    name: "503 with a Retry-After in the year 9999",
    script: [refusal(503, "UNAVAILABLE", { "Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT" }), rest],
    ends: "completed",
    meanwhile: async ({ server, advance, setClock }) => {
      await advance(60_000);
      setClock(-3_600_000);
      await advance(60_000);
      expect(server.received).toHaveLength(1);
    },
  },
  goesOn("503 with a damaged Retry-After", refusal(503, "UNAVAILABLE", { "Retry-After": "soon" })),
  {
    name: "429 with a Retry-After that no timer can hold",
    script: [refusal(429, "RATE_LIMITED", { "Retry-After": "99999999999" }), rest],
    ends: "completed",
    meanwhile: async ({ server, advance }) => {
      await advance(60_000);
      expect(server.received, "a timer that overflows fires immediately").toHaveLength(1);
    },
  },
  { name: "only 429", script: [refusal(429, "RATE_LIMITED")], shows: "RATE_LIMITED" },
  { name: "only 503", script: [refusal(503, "UNAVAILABLE")], shows: "UNAVAILABLE" },
  {
    name: "503 for ten minutes, then the end",
    script: [...Array.from({ length: 20 }, () => refusal(503, "UNAVAILABLE")), rest],
    ends: "completed",
  },
  {
    name: "503 for ten minutes, with few requests",
    script: [refusal(503, "UNAVAILABLE")],
    meanwhile: async ({ server, advance }) => {
      await advance(600_000);
      expect(server.received.length).toBeLessThan(60);
      expect(server.received.length).toBeGreaterThan(15);
    },
    shows: "UNAVAILABLE",
  },
];
