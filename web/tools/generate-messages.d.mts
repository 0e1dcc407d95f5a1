/** Returns the text of messages.gen.ts for a catalogue. */
export function declare(catalogue: Record<string, string>): string;
