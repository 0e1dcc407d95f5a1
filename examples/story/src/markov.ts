/** The default model: a Markov chain over a few chapters of "Alice's Adventures in Wonderland" (Lewis Carroll, 1865). */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Model } from "./model.js";

const textFile = new URL("../../text/alice.txt", import.meta.url);

/** A paragraph ends after this many full stops, and a story that finds no end this many words after its length. */
const stopsPerParagraph = 4;
const maxExtraWords = 40;

/** Returns a model that continues each two words with one of those that follow them in the text. */
export async function createModel(): Promise<Model> {
  const words = (await readFile(textFile, "utf8")).split(/\s+/).filter(Boolean);
  const after = new Map<string, string[]>();
  const starts: [string, string][] = [];
  const follow = (key: string, word: string) => {
    const list = after.get(key);
    if (list) list.push(word);
    else after.set(key, [word]);
  };
  for (let i = 2; i < words.length; i++) {
    const [a = "", b = "", word = ""] = words.slice(i - 2, i + 1);
    follow(`${a} ${b}`, word);
    follow(b, word);
    if (ends(a) && /^[A-Z]/.test(b)) starts.push([b, word]);
  }

  return {
    async *tokens({ prompt, seed, words: wanted }) {
      let n = 0;
      const choose = <T>(list: readonly T[]): T => {
        const hash = createHash("sha256").update(`${seed} ${n++}`).digest();
        return list[hash.readUInt32LE() % list.length] as T;
      };
      let [first = "", second = ""] = prompt.trim().split(/\s+/).slice(-2);
      if (prompt.trim() === "" || ends(prompt.trim())) {
        [first, second] = choose(starts);
        yield prompt.trim() ? ` ${first}` : first;
        yield ` ${second}`;
      } else if (!second) {
        [first, second] = ["", first];
      }
      let stops = 0;
      for (let written = 2; written < wanted + maxExtraWords; written++) {
        if (ends(second)) {
          if (written >= wanted) return;
          if (++stops % stopsPerParagraph === 0) yield "\n\n";
        }
        const next = choose(after.get(`${first} ${second}`) ?? after.get(second) ?? [choose(starts)[0]]);
        yield stops > 0 && stops % stopsPerParagraph === 0 && ends(second) ? next : ` ${next}`;
        [first, second] = [second, next];
      }
      yield "…";
    },
  };
}

/** Reports whether a word ends with a full stop, or the like. */
const ends = (word: string): boolean => /[.!?]$/.test(word);
