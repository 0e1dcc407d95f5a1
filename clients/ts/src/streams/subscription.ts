import type { OutputMessage, StreamMessage } from "../rest/types.js";
import { follow, type StreamOptions } from "./stream.js";

/** A stream being followed: by callbacks, or with `for await`, which ends when the stream does and throws its error. */
export interface Subscription<Item, Outcome> extends AsyncIterable<Item> {
  /** Resolves with the outcome once the stream has ended; rejects with what ended it in error. */
  readonly done: Promise<Outcome>;
  /** Ends it. */
  close(): void;
}

/** What is done with a stream's messages. */
interface Consumer<Item, Outcome> {
  /** Takes a message in; true ends the stream. */
  onMessage(message: StreamMessage | OutputMessage): boolean;
  /** Gives the next item for the iterator; undefined if there is none yet. */
  next(): Item | undefined;
  outcome(): Outcome;
}

/** Follows a stream at once and hands its messages to the consumer. */
export function subscribe<Item, Outcome>(
  options: StreamOptions,
  path: string,
  lastEventId: string,
  consumer: Consumer<Item, Outcome>,
): Subscription<Item, Outcome> {
  const closing = new AbortController();
  const close = () => closing.abort();
  const { signal } = options;
  if (signal?.aborted) close();
  signal?.addEventListener("abort", close, closing);

  let ended = false;
  let wake: (() => void) | undefined;

  const done = follow({ ...options, signal: closing.signal }, path, lastEventId, (message) => {
    const over = consumer.onMessage(message);
    wake?.();
    return over;
  })
    .then(consumer.outcome)
    .finally(() => {
      ended = true;
      options.onConnection?.({ phase: "closed" });
      close();
      wake?.();
    });
  // Whoever only takes callbacks or iterates need not look at `done`.
  done.catch(() => {});

  return {
    done,
    close,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const item = consumer.next();
          if (item) yield item;
          else if (ended) break;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
        await done;
      } finally {
        close();
      }
    },
  };
}
