import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A received request. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A server that sends the responses of a script in order, and then repeats the last one. */
export interface ScriptedServer {
  baseUrl: string;
  received: Received[];
  close(): Promise<void>;
}

/** Starts a server on a free port of this machine. */
export async function startScriptedServer(...script: Answer[]): Promise<ScriptedServer> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const answer = script[Math.min(received.length, script.length - 1)];
    const entry = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: "" };
    received.push(entry);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    entry.body = Buffer.concat(chunks).toString("latin1");
    await answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Answers with a stream of these chunks, each in a separate packet, and then ends it unless `open` is true. */
export function stream(chunks: (string | Uint8Array)[], { open = false } = {}): Answer {
  return async (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache" });
    response.flushHeaders();
    response.socket?.setNoDelay(true);
    for (const chunk of chunks) {
      response.write(chunk);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    if (!open) response.end();
  };
}

/** Answers with a stream that breaks after these chunks, without a proper end. */
export function brokenStream(chunks: string[]): Answer {
  return async (request, response) => {
    await stream(chunks, { open: true })(request, response);
    response.destroy();
  };
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(status === 204 ? undefined : JSON.stringify(body));
  };
}

/** Answers with an error as the edge writes it. */
export function refusal(status: number, reason: string, headers: Record<string, string> = {}): Answer {
  const body = { code: 16, status: "UNAUTHENTICATED", reason, message: `Refused: ${reason}`, requestId: "r-1" };
  return json(status, body, headers);
}

/** Writes a job's message as an event. */
export function event(revision: number, fields: Record<string, unknown> = {}): string {
  const type = revision === 1 ? "initial_status" : "job_update";
  const message = { type, jobId: "j1", kind: "import", status: "active", progress: revision, revision, ...fields };
  return `id: ${revision}\ndata: ${JSON.stringify(message)}\n\n`;
}

/** The first message of a stream. It asks for quick reconnects, so that tests are fast. */
export const connected = `retry: 10\ndata: {"type":"connected","message":"Watching","keepaliveSeconds":15}\n\n`;
