/** One event of a stream. */
export interface SseEvent {
  /** The last `id:` seen so far; what a reconnect sends as Last-Event-ID. */
  id: string;
  /** `message` unless the server named it. */
  event: string;
  data: string;
}

/** What a parser calls as lines come in. */
export interface SseHandlers {
  event(event: SseEvent): void;
  /** The server asks to wait this many milliseconds before a reconnect. */
  retry?(milliseconds: number): void;
}

/**
 * Makes a parser of Server-Sent Events (WHATWG HTML §9.2.6). It takes bytes in pieces of any size: lines may end in
 * LF, CRLF or CR, pieces may end inside a character, a BOM may come first. Comments are dropped, and an event that
 * the end of the stream cuts off is never told.
 */
export function createSseParser(handlers: SseHandlers): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  let endedInCr = false;
  let id = "";
  let event = "";
  let data: string[] = [];

  const takeLine = (line: string): void => {
    if (line === "") {
      if (data.length > 0) handlers.event({ id, event: event || "message", data: data.join("\n") });
      event = "";
      data = [];
      return;
    }
    const [, field, value = ""] = /^([^:]*):? ?(.*)/s.exec(line) ?? [];
    if (field === "data") data.push(value);
    else if (field === "id" && !value.includes("\0")) id = value;
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
  };
}
