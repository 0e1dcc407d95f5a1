/** The handler of kind `story`. It writes a story to the job's output token by token, at a reader's speed. */
import { setTimeout as sleep } from "node:timers/promises";
import { Failure, type Handler, type JsonObject, type KindDescription } from "@headway/example-worker";
import type { Model } from "./model.js";

/** The payload of a job. Every field is optional. */
interface Order {
  /** The beginning of the story, at most 200 characters. */
  prompt: string;
  /** About how many words to write, 10 to 2,000; 150 by default. */
  words: number;
  /** Selects another story, 0 to 2^32-1; by default derived from the job ID. */
  seed: number;
  /** The speed. 0 means no limit; 20 by default. */
  tokensPerSecond: number;
}

const maxPrompt = 200;
const maxWords = 2000;
const maxSeed = 2 ** 32 - 1;
const maxPace = 1000;

/** Tells the web UI which form to offer for such jobs. */
export const description: KindDescription = {
  kind: "story",
  title: "Write a story",
  summary: "A story that appears word by word, and survives a crash between any two letters.",
  fields: [
    { name: "prompt", label: "Beginning", hint: "Alice looked", maxLength: maxPrompt },
    {
      name: "words",
      label: "Words",
      type: "KIND_FIELD_TYPE_INTEGER",
      minimum: 10,
      maximum: maxWords,
      defaultValue: "150",
    },
    { name: "seed", label: "Seed", type: "KIND_FIELD_TYPE_INTEGER", minimum: 0, maximum: maxSeed, hint: "Any" },
  ],
};

/**
 * Returns the handler for a model. There is no checkpoint: the same order produces the same tokens. The next attempt asks the
 * model again, and skips the bytes that are in the output, even if they end in the middle of a character.
 */
export function story(model: Model): Handler {
  return async (job) => {
    const order = readOrder(job.payload, job.jobId);
    job.plan([{ name: "story", title: "Write the story", total: order.words, unit: "words" }]);
    job.report("Writing…", { name: "story", state: "STEP_STATE_ACTIVE", done: 0 });
    let offset = 0;
    let words = 0;
    const write = async (token: string) => {
      const bytes = Buffer.from(token);
      const written = Math.min(Math.max(job.outputBytes - offset, 0), bytes.length);
      if (written < bytes.length) {
        if (order.tokensPerSecond > 0) await sleep(1000 / order.tokensPerSecond, undefined, { signal: job.signal });
        await job.append(offset + written, bytes.subarray(written));
      }
      offset += bytes.length;
      words += token.trim().split(/\s+/).filter(Boolean).length;
      job.report(`${words} words`, { name: "story", done: words, total: Math.max(words, order.words) });
    };
    if (order.prompt) await write(order.prompt);
    for await (const token of model.tokens(order, job.signal)) {
      job.signal.throwIfAborted();
      await write(token);
    }
    job.report("The story is complete.", { name: "story", done: words, total: words, state: "STEP_STATE_COMPLETED" });
    return { words, bytes: offset, seed: order.seed };
  };
}

/** Reads the payload and sets the defaults. An invalid payload stays invalid, so its job is not retried. */
export function readOrder(payload: JsonObject, jobId: string): Order {
  const { prompt = "", words = 150, seed = seedOf(jobId), tokensPerSecond = 20, ...unknown } = payload;
  const refuse = (message: string) => new Failure("PAYLOAD_INVALID", message, true);
  const [extra] = Object.keys(unknown);
  if (extra !== undefined) {
    throw refuse(`Unknown field ${extra}. The payload can have prompt, words, seed, and tokensPerSecond.`);
  }
  const number = (name: string, value: unknown, least: number, most: number, whole = true): number => {
    if (typeof value !== "number" || (whole && !Number.isInteger(value)) || value < least || value > most) {
      throw refuse(`${name} must be a ${whole ? "whole number" : "number"} from ${least} to ${most}.`);
    }
    return value;
  };
  if (typeof prompt !== "string" || [...prompt].length > maxPrompt) {
    throw refuse(`prompt must be a text of at most ${maxPrompt} characters.`);
  }
  return {
    prompt: prompt.trim(),
    words: number("words", words, 10, maxWords),
    seed: number("seed", seed, 0, maxSeed),
    tokensPerSecond: number("tokensPerSecond", tokensPerSecond, 0, maxPace, false),
  };
}

/** Returns a seed for a job, the same in each attempt (FNV-1a). */
function seedOf(jobId: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(jobId)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
