/** Models that write stories: a language model, or one that works without a network. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createModel } from "./markov.js";

/** What a model is asked for. */
export interface Request {
  /** The beginning of the story, which the tokens continue. It can be empty. */
  prompt: string;
  /** The same seed and prompt produce the same tokens. */
  seed: number;
  /** About how many words to write. */
  words: number;
}

/**
 * A model produces a story token by token. The same request must produce the same tokens: an attempt that continues after a
 * crash asks again, and skips what has been written.
 */
export interface Model {
  tokens(request: Request, signal: AbortSignal): AsyncIterable<string>;
}

/** Returns the model of a module that exports `createModel`, or the one that needs neither a network nor a GPU. */
export async function loadModel(path: string | undefined): Promise<Model> {
  if (!path) return createModel();
  const module: { createModel?: () => Model | Promise<Model> } = await import(pathToFileURL(resolve(path)).href);
  if (typeof module.createModel !== "function") {
    throw new Error(`${path} does not export createModel. Export a function that returns a Model (src/model.ts).`);
  }
  return module.createModel();
}
