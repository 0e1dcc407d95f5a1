import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { archiveOf, fitTogether } from "../src/importer/upload/archive.js";

const file = (name: string, text: string, lastModified = 7) => new File([text], name, { lastModified });

test("an archive has the files as they are", async () => {
  const files = [file("areas.csv", "code;name\n1;Süd\n", 9), file("Löhne.csv", "x".repeat(100_000))];
  const archive = await archiveOf(files);
  expect(archive.name).toBe("areas.csv, Löhne.csv");
  expect(archive.lastModified).toBe(9);
  const bytes = Buffer.from(await archive.arrayBuffer());
  let at = 0;
  for (const { name, size } of files) {
    expect(bytes.readUInt32LE(at)).toBe(0x04034b50);
    const length = bytes.readUInt16LE(at + 26);
    const start = at + 30 + length;
    expect(bytes.toString("utf8", at + 30, start)).toBe(name);
    expect(bytes.readUInt32LE(at + 22)).toBe(size);
    expect(crc32(bytes.subarray(start, start + size))).toBe(bytes.readUInt32LE(at + 14));
    at = start + size;
  }
  const end = bytes.length - 22;
  expect([bytes.readUInt32LE(end), bytes.readUInt16LE(end + 10), bytes.readUInt32LE(end + 16)]).toEqual([
    0x06054b50,
    2,
    at,
  ]);
  expect(Buffer.from(await (await archiveOf(files)).arrayBuffer()).equals(bytes)).toBe(true);
});

test("text files with different names fit together", () => {
  const of = (...names: string[]) => fitTogether(names.map((name) => file(name, "x")));
  expect(of("a.csv", "b.TSV", "c.txt")).toBe(true);
  expect(of("a.csv")).toBe(false);
  expect(of("a.csv", "A.csv")).toBe(false);
  expect(of("a.csv", "b.xlsx")).toBe(false);
});
