import { describe, expect, test } from "vitest";
import { formatAge, formatBytes, formatCount, formatDuration } from "../src/ui/format.js";

describe("numbers for readers", () => {
  test.each([
    [0, "0 s"],
    [59.4, "59 s"],
    [60, "1 min"],
    [125, "2 min 5 s"],
    [3600, "1 h"],
    [3720, "1 h 2 min"],
    [-3, "0 s"],
  ])("%d seconds are written as %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  test.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [1023, "1,023 bytes"],
    [1024, "1 kB"],
    [536_870_912, "512 MB"],
  ])("%d bytes are written as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test("counts have no decimals", () => expect(formatCount(91_234.6)).toBe("91,235"));

  test("ages have a suitable unit", () => {
    const now = Date.parse("2026-03-01T12:00:00Z");
    expect(formatAge("2026-03-01T11:59:40Z", now)).toBe("just now");
    expect(formatAge("2026-03-01T11:48:00Z", now)).toBe("12 minutes ago");
    expect(formatAge("2026-03-01T09:00:00Z", now)).toBe("3 hours ago");
    expect(formatAge("2026-01-05T12:00:00Z", now)).toBe("Jan 5, 2026");
  });
});
