// Real readers of Server-Sent Events with one interface: the browser's EventSource, the npm packages eventsource and
// eventsource-parser, and curl. Each fills an inbox.
import { spawn } from "node:child_process";
import { EventSource } from "eventsource";
import { createParser } from "eventsource-parser";

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {Record<string, any>} data
 */
/**
 * @typedef {object} Request
 * @property {string} address The server's.
 * @property {string} path
 * @property {string} token
 * @property {string} [lastEventId]
 */

const timeoutMs = 60_000;

/** The messages that a reader received, in order. */
export class Inbox {
  /** @type {Message[]} */
  messages = [];
  /** The number of comments, from readers that report them. */
  comments = 0;
  /** The waits that the server asked for, in milliseconds, from readers that report them. */
  retries = /** @type {number[]} */ ([]);
  /** The reader has stopped permanently. */
  over = false;
  /** Stops the reader. */
  close = () => {};

  /**
   * Adds a message.
   * @param {string} id
   * @param {string} data
   */
  take(id, data) {
    this.messages.push({ id, data: JSON.parse(data) });
  }

  /**
   * Waits until a condition is true.
   * @param {string} what
   * @param {() => boolean} holds
   */
  async until(what, holds) {
    for (const end = Date.now() + timeoutMs; !holds(); ) {
      if (Date.now() > end) throw new Error(`never: ${what}; received ${JSON.stringify(this.messages)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /**
   * Returns the next message, which must have this type.
   * @param {string} type
   */
  async next(type) {
    await this.until(type, () => this.messages.length > 0 || this.over);
    const message = this.messages.shift();
    if (message?.data.type !== type) throw new Error(`got ${JSON.stringify(message)}, want ${type}`);
    return message;
  }

  /** Waits until the reader has stopped permanently, without another message. */
  async ends() {
    await this.until("the end", () => this.over);
    if (this.messages.length > 0) throw new Error(`received after the end: ${JSON.stringify(this.messages)}`);
  }
}

/**
 * EventSource in a browser, on a page of the server. The session's cookie identifies the user.
 * @param {import("playwright-core").Page} page
 * @param {string} path
 */
export async function byBrowser(page, path) {
  const inbox = new Inbox();
  const name = `reader${Math.random().toString(36).slice(2)}`;
  await page.exposeFunction(name, (/** @type {string} */ id, /** @type {string} */ data) => {
    if (data) inbox.take(id, data);
    else inbox.over = true;
  });
  await page.evaluate(
    ([name, path]) => {
      const tell = /** @type {any} */ (globalThis)[name];
      const source = new EventSource(path);
      source.onmessage = (event) => tell(event.lastEventId, event.data);
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) tell("", "");
      };
      /** @type {any} */ (globalThis)[`${name}close`] = () => source.close();
    },
    /** @type {const} */ ([name, path]),
  );
  inbox.close = () => {
    // The page can close first, which also ends the stream.
    page.evaluate((name) => /** @type {any} */ (globalThis)[`${name}close`](), name).catch(() => {});
  };
  return inbox;
}

/**
 * The npm package eventsource.
 * @param {Request} request
 */
export function byPackage({ address, path, token, lastEventId }) {
  const inbox = new Inbox();
  const source = new EventSource(address + path, {
    fetch: (url, init) =>
      fetch(url, {
        ...init,
        headers: {
          ...(lastEventId && { "Last-Event-ID": lastEventId }),
          ...init.headers,
          Authorization: `Bearer ${token}`,
        },
      }),
  });
  source.onmessage = (event) => inbox.take(event.lastEventId, event.data);
  source.onerror = () => {
    inbox.over ||= source.readyState === source.CLOSED;
  };
  inbox.close = () => source.close();
  return inbox;
}

/**
 * The npm package eventsource-parser over fetch, which ends with its only response.
 * @param {Request} request
 */
export async function byParser({ address, path, token, lastEventId }) {
  const inbox = new Inbox();
  const closing = new AbortController();
  inbox.close = () => closing.abort();
  const response = await fetch(address + path, {
    headers: {
      Accept: "text/event-stream",
      Authorization: `Bearer ${token}`,
      ...(lastEventId && { "Last-Event-ID": lastEventId }),
    },
    signal: closing.signal,
  });
  let id = "";
  const parser = createParser({
    onEvent: (event) => {
      id = event.id ?? id;
      inbox.take(id, event.data);
    },
    onComment: () => inbox.comments++,
    onRetry: (milliseconds) => inbox.retries.push(milliseconds),
    onError: (error) => inbox.take("", JSON.stringify({ type: "error", message: error.message })),
  });
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of /** @type {any} */ (response.body ?? []))
      parser.feed(decoder.decode(chunk, { stream: true }));
  };
  read().then(
    () => {
      inbox.over = true;
    },
    (error) => {
      if (!closing.signal.aborted) inbox.take("", JSON.stringify({ type: "cut", message: `${error}` }));
    },
  );
  return { inbox, response };
}

/**
 * curl -N, which fails if a stream is cut and not ended.
 * @param {Request} request
 */
export function byCurl({ address, path, token, lastEventId }) {
  const inbox = new Inbox();
  const args = ["-sS", "-N", "-H", `Authorization: Bearer ${token}`];
  if (lastEventId) args.push("-H", `Last-Event-ID: ${lastEventId}`);
  const curl = spawn("curl", [...args, address + path], { stdio: ["ignore", "pipe", "inherit"] });
  inbox.close = () => void curl.kill();
  let text = "";
  let id = "";
  curl.stdout.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      for (const line of text.slice(0, end).split("\n")) {
        if (line.startsWith("id: ")) id = line.slice(4);
        else if (line.startsWith("data: ")) inbox.take(id, line.slice(6));
        else if (line.startsWith("retry: ")) inbox.retries.push(Number(line.slice(7)));
        else if (line.startsWith(":")) inbox.comments++;
        else inbox.take("", JSON.stringify({ type: "error", message: `an unexpected line: ${line}` }));
      }
      text = text.slice(end + 2);
    }
  });
  curl.on("close", (code) => {
    if (code) inbox.take("", JSON.stringify({ type: "cut", message: `curl ended with ${code}` }));
    inbox.over = true;
  });
  return inbox;
}
