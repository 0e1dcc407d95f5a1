/**
 * A PNG that is written band by band, from the top (W3C PNG, 3rd edition). Browsers can display the part that has been written
 * so far. Another process can write the next band. It needs only the state, which is a few numbers.
 */
import { constants, crc32, deflateRawSync } from "node:zlib";

/** The state of the writer. */
export interface PngState {
  /** Bytes of the file so far. */
  bytes: number;
  /** CRC-32 of these bytes. */
  crc: number;
  /** Adler-32 of the image data so far (RFC 1950 §8.2). */
  adler: number;
}

export const newPng: PngState = { bytes: 0, crc: 0, adler: 1 };

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** RFC 1950 §2.2: deflate with a window of 32 KiB, no dictionary. */
const zlibHeader = Buffer.from([0x78, 0x9c]);
/** RFC 1951 §3.2.3: an empty last block of fixed codes. */
const lastBlock = Buffer.from([0x03, 0x00]);
const pixelBytes = 3;

/** The start of the file: 8 bits per channel, red, green, blue, no interlacing (§11.2.1). */
export function pngHead(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", zlibHeader)]);
}

/**
 * One band of whole rows as a separate chunk. Its compressed data doesn't refer to earlier data (a full flush), and its rows
 * don't refer to other rows (filter Sub, §9.2).
 */
export function pngBand(rgb: Uint8Array, width: number, adler: number): { data: Buffer; adler: number } {
  const stride = width * pixelBytes;
  const rows = rgb.length / stride;
  const filtered = Buffer.alloc(rows * (stride + 1));
  for (let y = 0; y < rows; y++) {
    const from = y * stride;
    const to = y * (stride + 1);
    filtered[to] = 1; // Sub
    for (let x = 0; x < stride; x++) {
      filtered[to + 1 + x] = (rgb[from + x] ?? 0) - (x < pixelBytes ? 0 : (rgb[from + x - pixelBytes] ?? 0));
    }
  }
  const packed = deflateRawSync(filtered, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return { data: chunk("IDAT", packed), adler: adler32(filtered, adler) };
}

/** The end of the file: the last block, the checksum of all image data, and the end chunk. */
export function pngEnd(adler: number): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(adler);
  return Buffer.concat([chunk("IDAT", Buffer.concat([lastBlock, checksum])), chunk("IEND", Buffer.alloc(0))]);
}

/** Returns the state after writing these bytes. */
export const written = (state: PngState, data: Buffer, adler = state.adler): PngState => ({
  bytes: state.bytes + data.length,
  crc: crc32(data, state.crc),
  adler,
});

/** Length, type, data, and the CRC of type and data (§5.3). */
function chunk(type: string, data: Buffer): Buffer {
  const framed = Buffer.alloc(data.length + 12);
  framed.writeUInt32BE(data.length, 0);
  framed.write(type, 4, "latin1");
  framed.set(data, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, data.length + 8)), data.length + 8);
  return framed;
}

/** RFC 1950 §9: two sums modulo the largest prime below 2^16. */
export function adler32(data: Uint8Array, adler = 1): number {
  let low = adler & 0xffff;
  let high = adler >>> 16;
  for (let at = 0; at < data.length; ) {
    const stop = Math.min(at + 5552, data.length); // this many additions stay below 2^32
    for (; at < stop; at++) {
      low += data[at] ?? 0;
      high += low;
    }
    low %= 65_521;
    high %= 65_521;
  }
  return ((high << 16) | low) >>> 0;
}
