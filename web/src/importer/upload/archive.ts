/** Several text files as one zip archive (PKWARE APPNOTE 6.3). */

/** The maximum size of an archive without the extensions for larger ones. */
export const maxArchive = 0xffff_ffff;

const isTextFile = ({ name }: File) => /\.(csv|tsv|tab|psv|txt)$/i.test(name);

/** Reports whether files can be imported together: all are text files, and each has its own name. */
export const fitTogether = (files: readonly File[]): boolean =>
  files.length > 1 &&
  files.every(isTextFile) &&
  new Set(files.map(({ name }) => name.toLowerCase())).size === files.length;

/**
 * Returns an archive of the files. They are not compressed and not copied: the archive refers to them, and takes no memory. The same
 * files always have the same archive, so an interrupted upload of it can be resumed.
 */
export async function archiveOf(files: readonly File[]): Promise<File> {
  const parts: BlobPart[] = [];
  const directory: BlobPart[] = [];
  let offset = 0;
  let directorySize = 0;
  for (const file of files) {
    const name = new TextEncoder().encode(file.name);
    const checksum = await checksumOf(file);
    const local = header(0x04034b50, 30, (view) => describe(view, 4, file, name, checksum));
    const entry = header(0x02014b50, 46, (view) => {
      view.setUint16(4, version, true);
      describe(view, 6, file, name, checksum);
      view.setUint32(42, offset, true);
    });
    parts.push(local, name, file);
    directory.push(entry, name);
    offset += local.length + name.length + file.size;
    directorySize += entry.length + name.length;
  }
  const end = header(0x06054b50, 22, (view) => {
    view.setUint16(8, files.length, true);
    view.setUint16(10, files.length, true);
    view.setUint32(12, directorySize, true);
    view.setUint32(16, offset, true);
  });
  const lastModified = Math.max(...files.map((file) => file.lastModified));
  const title = files.map(({ name }) => name).join(", ");
  return new File([...parts, ...directory, end], shorten(title), { type: "application/zip", lastModified });
}

/** The version of the format that a reader needs. */
const version = 20;
/** Names are in UTF-8. */
const utf8Names = 1 << 11;
/** 1 January 1980, the first day of the format, so that the archive does not depend on the clock. */
const firstDay = 0x21;

function header(signature: number, size: number, fill: (view: DataView) => void): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  fill(view);
  return bytes;
}

/** Writes what the header of a file and its entry in the directory have in common. */
function describe(view: DataView, at: number, file: File, name: Uint8Array, checksum: number) {
  view.setUint16(at, version, true);
  view.setUint16(at + 2, utf8Names, true);
  view.setUint16(at + 8, firstDay, true);
  view.setUint32(at + 10, checksum, true);
  view.setUint32(at + 14, file.size, true);
  view.setUint32(at + 18, file.size, true);
  view.setUint16(at + 22, name.length, true);
}

/** The maximum number of characters of the names of several files. */
const maxTitle = 200;

const shorten = (text: string) => {
  const characters = [...text];
  return characters.length <= maxTitle ? text : `${characters.slice(0, maxTitle - 1).join("")}…`;
};

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

/** Returns the CRC-32 of a file. It reads the file in chunks. */
async function checksumOf(file: File): Promise<number> {
  let sum = 0xffff_ffff;
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return ~sum >>> 0;
    for (const byte of value) sum = (table[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8);
  }
}
