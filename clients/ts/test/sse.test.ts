import { describe, expect, test } from "vitest";
import { createSseParser, type SseEvent } from "../src/streams/sse.js";

const encoder = new TextEncoder();

function parse(...chunks: Uint8Array[]): { events: SseEvent[]; retries: number[] } {
  const events: SseEvent[] = [];
  const retries: number[] = [];
  const push = createSseParser({ event: (event) => events.push(event), retry: (ms) => retries.push(ms) });
  for (const chunk of chunks) push(chunk);
  return { events, retries };
}

const parseText = (...texts: string[]) => parse(...texts.map((text) => encoder.encode(text)));

describe("the parser", () => {
  test("delivers an event's ID, name, and data after its empty line", () => {
    const { events } = parseText("id: 7\nevent: tick\ndata: one\n\n");
    expect(events).toEqual([{ id: "7", event: "tick", data: "one" }]);
  });

  test.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("ends lines at %s", (_name, end) => {
    const { events } = parseText(["id: 1", "data: a", "data: b", "", "data: c", "", ""].join(end));
    expect(events.map((event) => event.data)).toEqual(["a\nb", "c"]);
  });

  test("delivers the same events wherever the bytes are split, even inside CRLF or a character", () => {
    const bytes = encoder.encode(
      '\uFEFF: hello\r\nretry: 20\r\nid: 1\r\ndata: {"name":"Zoë 🚀 数据"}\r\n\r\ndata: x\n\ndata: y\r\r',
    );
    const whole = parse(bytes);
    expect(whole.events.map((event) => event.data)).toEqual(['{"name":"Zoë 🚀 数据"}', "x", "y"]);
    for (let at = 1; at < bytes.length; at++) {
      expect(parse(bytes.subarray(0, at), bytes.subarray(at)), `split at ${at}`).toEqual(whole);
    }
    expect(parse(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  test("drops a BOM at the beginning only", () => {
    const { events } = parse(encoder.encode("\uFEFFdata: a\n\n"), encoder.encode("data: \uFEFFb\n\n"));
    expect(events.map((event) => event.data)).toEqual(["a", "\uFEFFb"]);
  });

  test("drops comments and unknown fields", () => {
    expect(parseText(": keepalive\n\nfoo: bar\ndata: a\n:\n\n").events.map((event) => event.data)).toEqual(["a"]);
  });

  test("keeps the last ID for later events, and ignores one with NUL", () => {
    const { events } = parseText("id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n");
    expect(events.map((event) => event.id)).toEqual(["1", "1", "1", ""]);
  });

  test("removes one space after the colon, not two", () => {
    expect(parseText("data:a\n\ndata:  b\n\ndata\n\n").events.map((event) => event.data)).toEqual(["a", " b", ""]);
  });

  test("accepts retry only if it has only digits", () => {
    expect(parseText("retry: 250\nretry: 1.5\nretry: soon\n\n").retries).toEqual([250]);
  });

  test("drops an event that the end of the stream cut off", () => {
    expect(parseText("data: whole\n\ndata: half\n").events.map((event) => event.data)).toEqual(["whole"]);
  });

  test.each([
    ["one line", "x"],
    ["many lines", "data: x\n"],
  ])("throws at an event that never ends, in %s", (_how, text) => {
    const parse = createSseParser({ event: () => {} });
    const chunk = encoder.encode(text.repeat(100_000));
    parse(encoder.encode("data: whole\n\ndata: "));
    const feed = () => {
      for (let n = 0; n < 1000; n++) parse(chunk);
    };
    expect(feed).toThrow("An event is too large.");
  });
});
