/** Returns the text of messages.gen.ts for a catalog. */
export function declare(catalog: Record<string, string>): string;
