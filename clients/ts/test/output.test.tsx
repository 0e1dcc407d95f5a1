import "./dom.js";
import { cleanup, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { type LiveOutput, useJobOutput } from "../src/react/index.js";
import { connected, event, stream } from "./scripted-server.js";
import { show } from "./show.js";

describe("useJobOutput", () => {
  const chunk = (offset: number, bytes: Uint8Array) =>
    `data: ${JSON.stringify({ type: "output", offset, data: Buffer.from(bytes).toString("base64") })}\n\n`;

  /** Shows an output in chunks of a length, and returns its last state. */
  async function outputOf(bytes: Uint8Array, length: number, maxBytes?: number): Promise<LiveOutput> {
    let last: LiveOutput | undefined;
    function Page() {
      last = useJobOutput({ jobId: "j1", kind: "story", maxBytes });
      return <p>{last.ended ? "ended" : "running"}</p>;
    }
    const events = [connected];
    for (let at = 0; at < bytes.length; at += length) events.push(chunk(at, bytes.subarray(at, at + length)));
    events.push(event(9, { status: "completed" }));
    await show(<Page />, stream([events.join("")]));
    await screen.findByText("ended", undefined, { timeout: 30_000 });
    return last as LiveOutput;
  }

  const numbered = (length: number) => Buffer.from(Array.from({ length }, (_, n) => `line ${n} 🌩 ö\n`).join(""));
  const png = (length: number) => {
    const bytes = Buffer.alloc(length, 0xa7);
    Buffer.from("89504e470d0a1a0a0000000d49484452", "hex").copy(bytes);
    return bytes;
  };

  test("returns growing text, even if a chunk ends inside a character", async () => {
    const bytes = numbered(20);
    for (const length of [1, 2, 3, 7]) {
      const { text, binary, truncated, chunks } = await outputOf(bytes, length);
      expect({ text, binary, truncated, chunks }).toEqual({
        text: bytes.toString(),
        binary: false,
        truncated: false,
        chunks: [],
      });
      cleanup();
    }
  });

  test("keeps the last characters of a text that is larger than the limit", async () => {
    const bytes = numbered(400_000);
    expect(bytes.length).toBeGreaterThan(6 * 1024 * 1024);
    const { text, binary, truncated, bytes: total } = await outputOf(bytes, 8191);
    expect({ binary, truncated, total }).toEqual({ binary: false, truncated: true, total: bytes.length });
    expect(text.length).toBeGreaterThan(4 * 1024 * 1024 - 2);
    expect(bytes.toString().endsWith(text), "it is the end of the text").toBe(true);
    expect(text).not.toContain("\ufffd");
  });

  test("never begins in the middle of a character", async () => {
    for (const maxBytes of [5, 6]) {
      const { text } = await outputOf(Buffer.from("🌩".repeat(20)), 4, maxBytes);
      expect(text).toBe("🌩".repeat(Math.floor(maxBytes / 2)));
      cleanup();
    }
  });

  test.each([1000, 4 * 1024 * 1024 + 1, 9_000_000])("keeps all %s bytes of a picture", async (length) => {
    const bytes = png(length);
    const { text, binary, truncated, chunks } = await outputOf(bytes, 65_536);
    expect({ text, binary, truncated }).toEqual({ text: "", binary: true, truncated: false });
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  test("keeps the first bytes of binary output that is larger than the limit", async () => {
    const bytes = png(100_000);
    const { binary, truncated, chunks } = await outputOf(bytes, 1000, 12_345);
    expect({ binary, truncated }).toEqual({ binary: true, truncated: true });
    expect(Buffer.concat(chunks).equals(bytes.subarray(0, 12_345))).toBe(true);
  });

  test("detects binary output even after the first chunks were text", async () => {
    const bytes = Buffer.concat([Buffer.from("%PDF-1.7\n"), png(50_000)]);
    const { text, binary, chunks } = await outputOf(bytes, 4);
    expect({ text, binary }).toEqual({ text: "", binary: true });
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });
});
