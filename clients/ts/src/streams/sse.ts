import { HeadwayError } from "../rest/connection.js";

/** The longest event, in characters. Headway's own are below a megabyte, so a longer one comes from another server. */
const maxEvent = 16 * 1024 * 1024;

/** One event of a stream. */
export interface SseEvent {
  /** The last `id:` so far, which a reconnect sends as Last-Event-ID. */
  id: string;
  /** `message` unless the server named it. */
  event: string;
  data: string;
}

/** The callbacks of a parser. */
export interface SseHandlers {
  event(event: SseEvent): void;
  /** The server asks to wait this number of milliseconds before a reconnect. */
  retry?(milliseconds: number): void;
}

/**
 * Returns a parser of Server-Sent Events (WHATWG HTML §9.2.6). It takes chunks of any size, even ones that end inside a
 * character. Lines can end in LF, CRLF, or CR, and a BOM can come first. It ignores comments, and an event that the end
 * of the stream cuts off. It throws a HeadwayError if an event has more than 16 Mi characters.
 */
export function createSseParser(handlers: SseHandlers): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  let endedInCr = false;
  let id = "";
  let event = "";
  let data: string[] = [];
  let size = 0;

  const takeLine = (line: string): void => {
    if (line === "") {
      if (data.length > 0) handlers.event({ id, event: event || "message", data: data.join("\n") });
      event = "";
      data = [];
      size = 0;
      return;
    }
    const [, field, value = ""] = /^([^:]*):? ?(.*)/s.exec(line) ?? [];
    if (field === "data") {
      data.push(value);
      size += value.length + 1;
    } else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "event") event = value;
    else if (field === "retry" && /^\d+$/.test(value)) handlers.retry?.(Number(value));
  };

  return (chunk) => {
    let text = decoder.decode(chunk, { stream: true });
    if (text === "") return;
    if (endedInCr && text.startsWith("\n")) text = text.slice(1);
    endedInCr = text.endsWith("\r");
    let from = 0;
    for (const end of text.matchAll(/\r\n?|\n/g)) {
      takeLine(rest + text.slice(from, end.index));
      rest = "";
      from = end.index + end[0].length;
    }
    rest += text.slice(from);
    if (size + rest.length > maxEvent)
      throw new HeadwayError(0, { reason: "EVENT_TOO_LARGE", message: "An event is too large." });
  };
}
