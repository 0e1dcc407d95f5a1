/** Remembers the addresses of unfinished uploads, so that they can resume after a reload of the page. */

import { parseJson } from "../rest/connection.js";
import { fileNameOf, type ResumableUploadOptions, toFields } from "./options.js";

type Memory = ResumableUploadOptions["storage"];

const prefix = "headway upload ";

interface Remembered {
  address: string;
  /** When the server deletes it, in milliseconds since 1970. */
  expires: number;
}

/** An upload that this browser remembers. */
export interface RememberedUpload {
  fileName: string;
  /** The size of the file in bytes. */
  size: number;
  /** The options of the import, by the names of the form's fields. A resumed upload needs the same. */
  fields: Partial<Omit<ReturnType<typeof toFields>, "request_id">>;
  /** Identifies it in the browser's memory. */
  key: string;
  /** Its path on the server. */
  address: string;
}

/** Returns the key of an upload by its user, file, and options. It returns undefined without a user. */
export function keyOf(options: ResumableUploadOptions): string | undefined {
  const { user, file, baseUrl = "" } = options;
  if (user === undefined) return undefined;
  const { lastModified = 0 } = file as Partial<File>;
  const { request_id: _, ...fields } = toFields(options, "");
  return prefix + JSON.stringify([user, baseUrl, fileNameOf(options), file.size, lastModified, fields]);
}

/** Returns the address of the upload with this key, or undefined if there is none. */
export function recall(memory: Memory, key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  const { address, expires } = read(memory, key);
  return expires > Date.now() ? address : undefined;
}

export function remember(memory: Memory, key: string | undefined, address: string, expires: number): void {
  if (key === undefined) return;
  forgetExpired(memory);
  use(memory, (storage) => storage.setItem(key, JSON.stringify({ address, expires } satisfies Remembered)));
}

export function forget(memory: Memory, key: string | undefined): void {
  if (key !== undefined) use(memory, (storage) => storage.removeItem(key));
}

/** Returns the uploads that this browser remembers, and that the server still has as far as is known. */
export function listRemembered(user: string, baseUrl = ""): RememberedUpload[] {
  const keys: string[] = [];
  use(undefined, (storage) => keys.push(...Object.keys(storage)));
  return keys.flatMap((key) => {
    const parts = key.startsWith(prefix) && parseJson<unknown>(key.slice(prefix.length));
    if (!Array.isArray(parts)) return [];
    const [owner, base, fileName, size, , fields] = parts;
    const address = recall(undefined, key);
    return owner === user && base === baseUrl && address ? [{ fileName, size, fields, key, address }] : [];
  });
}

/**
 * Reports whether a change of the storage by another tab is about an upload. Without a key, the whole storage was
 * deleted.
 */
export const rememberedChange = ({ key }: StorageEvent): boolean => key?.startsWith(prefix) ?? true;

function forgetExpired(memory: Memory): void {
  if (memory) return;
  use(memory, (storage) => {
    for (const key of Object.keys(storage)) {
      if (key.startsWith(prefix) && read(memory, key).expires <= Date.now()) storage.removeItem(key);
    }
  });
}

function read(memory: Memory, key: string): Remembered {
  let text: string | null = null;
  use(memory, (storage) => {
    text = storage.getItem(key);
  });
  return (text && parseJson<Remembered>(text)) || { address: "", expires: 0 };
}

/** Uses the storage if possible. It can be missing, blocked, full, or corrupt. Uploads also work without it. */
function use(memory: Memory, action: (storage: NonNullable<Memory>) => void): void {
  try {
    action(memory ?? localStorage);
  } catch {}
}
