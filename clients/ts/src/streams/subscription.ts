import { HeadwayError } from "../rest/connection.js";
import type { OutputMessage, StreamMessage } from "../rest/types.js";
import { follow, type StreamOptions } from "./stream.js";

/** A followed stream, with callbacks or `for await`. The iteration ends with the stream, and throws its error. */
export interface Subscription<Item, Result> extends AsyncIterable<Item> {
  /** Resolves with the result when the stream has ended, or rejects with the error that ended it. */
  readonly done: Promise<Result>;
  /** Closes the stream. */
  close(): void;
}

/** Processes the messages of a stream. */
interface Consumer<Item, Result> {
  /** Processes a message. It returns true to end the stream. */
  onMessage(message: StreamMessage | OutputMessage): boolean;
  /** Returns the next item for the iterator, or undefined if there is none yet. */
  next(): Item | undefined;
  result(): Result;
  /** Reports whether the last message is still missing. */
  unfinished?(): boolean;
}

/** Starts to follow a stream, and passes its messages to the consumer. */
export function subscribe<Item, Result>(
  options: StreamOptions,
  path: string,
  lastEventId: string,
  consumer: Consumer<Item, Result>,
): Subscription<Item, Result> {
  const closing = new AbortController();
  const close = () => closing.abort();
  const { signal } = options;
  if (signal?.aborted) close();
  signal?.addEventListener("abort", close, closing);

  let ended = false;
  let waiting: (() => void)[] = [];
  const wake = () => {
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const onMessage = (message: StreamMessage | OutputMessage) => {
    const over = consumer.onMessage(message);
    wake();
    return over;
  };

  const run = async (): Promise<Result> => {
    let error: HeadwayError | undefined;
    try {
      const own = { ...options, signal: closing.signal };
      await follow(own, path, lastEventId, onMessage);
      const unfinished = () => !closing.signal.aborted && consumer.unfinished?.();
      // The server answered 204: for it, the last event was the end. Without an ID, it sends the state.
      if (unfinished()) await follow(own, path, "", onMessage);
      if (unfinished()) throw new HeadwayError(204, { message: "The server ended the stream too early." });
      return consumer.result();
    } catch (cause) {
      if (cause instanceof HeadwayError) error = cause;
      throw cause;
    } finally {
      ended = true;
      close();
      wake();
      options.onConnection?.({ phase: "closed", error });
    }
  };
  const done = run();
  // Callers that use callbacks or iterate can ignore `done`.
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
              waiting.push(resolve);
            });
        }
        await done;
      } finally {
        close();
      }
    },
  };
}
