import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { adler32, newPng, pngBand, pngEnd, pngHead, written } from "../src/png.js";
import { readPng } from "./read-png.js";

const pixels = (width: number, rows: number, from: number) =>
  Uint8Array.from({ length: width * rows * 3 }, (_, i) => ((i + from) * 7919) >>> 3);

test("a picture written in bands is read back unchanged", () => {
  const [width, rows] = [33, [16, 16, 5]];
  let state = newPng;
  const pieces: Buffer[] = [];
  const put = (data: Buffer, adler?: number) => {
    pieces.push(data);
    state = written(state, data, adler);
  };
  put(pngHead(width, 37));
  const bands = rows.map((n, i) => pixels(width, n, i * 1000));
  for (const band of bands) {
    const { data, adler } = pngBand(band, width, state.adler);
    put(data, adler);
  }
  put(pngEnd(state.adler));
  const file = Buffer.concat(pieces);
  const read = readPng(file);
  assert.deepEqual([read.width, read.height], [width, 37]);
  assert.ok(read.rgb.equals(Buffer.concat(bands)));
  assert.deepEqual([state.bytes, state.crc], [file.length, crc32(file)]);
});

test("the checksum of RFC 1950 can be continued", () => {
  const data = Buffer.alloc(300_000, 0xff);
  assert.equal(adler32(Buffer.from("Wikipedia")), 0x11e60398);
  assert.equal(adler32(data.subarray(99_999), adler32(data.subarray(0, 99_999))), adler32(data));
});
