import assert from "node:assert/strict";
import { crc32, inflateSync } from "node:zlib";

/** Reads a PNG of this worker: verifies every checksum, and returns the pixels. */
export function readPng(file: Buffer): { width: number; height: number; rgb: Buffer } {
  assert.equal(file.subarray(0, 8).toString("latin1"), "\x89PNG\r\n\x1a\n");
  const parts: Buffer[] = [];
  const types: string[] = [];
  let [width, height] = [0, 0];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const typed = file.subarray(at + 4, at + 8 + length);
    const type = typed.subarray(0, 4).toString("latin1");
    assert.equal(file.readUInt32BE(at + 8 + length), crc32(typed), `CRC of ${type}`);
    if (type === "IHDR") [width, height] = [typed.readUInt32BE(4), typed.readUInt32BE(8)];
    if (type === "IDAT") parts.push(typed.subarray(4));
    types.push(type);
    at += 12 + length;
  }
  assert.equal(types[0], "IHDR");
  assert.equal(types.at(-1), "IEND");
  const raw = inflateSync(Buffer.concat(parts)); // checks the Adler-32
  const stride = width * 3;
  assert.equal(raw.length, height * (stride + 1));
  const rgb = Buffer.alloc(height * stride);
  for (let y = 0; y < height; y++) {
    assert.equal(raw[y * (stride + 1)], 1, "filter Sub");
    for (let x = 0; x < stride; x++) {
      const left = x < 3 ? 0 : (rgb[y * stride + x - 3] ?? 0);
      rgb[y * stride + x] = (raw[y * (stride + 1) + 1 + x] ?? 0) + left;
    }
  }
  return { width, height, rgb };
}
