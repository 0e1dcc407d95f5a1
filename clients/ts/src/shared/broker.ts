import { HeadwayError } from "../rest/connection.js";
import { now } from "../rest/wait.js";
import type { Batch, BrokerMessage, BrokerSettings, TabMessage } from "./protocol.js";
import { fromPlain, toPlain } from "./protocol.js";
import { type Follower, Upstream } from "./upstream.js";

/** A tab, as the broker sees it. */
export interface Guest {
  receive(message: TabMessage): void;
}

interface Tab {
  post: (message: BrokerMessage) => void;
  onGone: (() => void) | undefined;
  visible: boolean;
  /** When it last sent a message, on the monotonic clock. */
  heard: number;
  streams: Map<number, { follower: Follower; upstream: Upstream }>;
}

type Timer = ReturnType<typeof setTimeout>;
type TokenAnswer = Partial<Pick<Extract<TabMessage, { type: "token" }>, "token" | "error">>;

const noAnswer: TokenAnswer = { error: toPlain(new HeadwayError()) };

/** When the broker is replaced, all tabs connect at the same time. The first one waits this long for the others. */
const gatherMs = 10;
/**
 * A tab sends a message every 10 seconds, or every minute in the background. A tab that is silent for longer is gone or
 * frozen.
 */
const goneMs = 180_000;
/** A tab that does not answer `token?` within this time is skipped. */
const answerMs = 10_000;
/** How long each stream keeps the last connection if there are more streams than connections. */
const turnMs = 5_000;

/** Compares for a sort. It is stable: equal elements keep the order in which they came. */
const visibleFirst = (a: { visible: boolean }, b: { visible: boolean }) => Number(b.visible) - Number(a.visible);

/**
 * Follows the server's streams for many tabs, each stream once. With HTTP/1.1 a browser has six connections to a server,
 * so at most `connections` streams are open at a time. Streams of visible tabs come first, and the others take turns. A
 * turn delays their updates by some seconds, but no state is lost.
 */
export class Broker {
  private readonly tabs = new Set<Tab>();
  private readonly upstreams = new Map<string, Upstream>();
  /** The `token?` messages that tabs have not answered yet, by number. */
  private readonly questions = new Map<number, (answer: TokenAnswer) => void>();
  private lastQuestion = 0;
  private turns = 0;
  private gathering: Timer | undefined;
  private turning: Timer | undefined;
  private readonly sweeping: Timer;

  constructor(private readonly settings: BrokerSettings) {
    this.sweeping = setInterval(() => this.sweep(), goneMs / 3);
  }

  /**
   * Adds a tab. `send` delivers messages to it, never while `receive` runs. `onGone` is called when the tab closes, or has
   * been silent for too long.
   */
  welcome(send: (batch: Batch) => void, onGone?: () => void): Guest {
    let waiting: BrokerMessage[] = [];
    const post = (message: BrokerMessage) => {
      if (waiting.push(message) > 1) return;
      queueMicrotask(() => {
        const batch = JSON.stringify(waiting);
        waiting = [];
        send(batch);
      });
    };
    const tab: Tab = { post, onGone, visible: true, heard: 0, streams: new Map() };
    return {
      receive: (message) => {
        tab.heard = now();
        this.receive(tab, message);
      },
    };
  }

  /** Ends all streams without a message to the tabs. */
  close(): void {
    clearTimeout(this.gathering);
    clearInterval(this.turning);
    clearInterval(this.sweeping);
    for (const upstream of this.upstreams.values()) upstream.pause();
    this.upstreams.clear();
    this.tabs.clear();
    for (const answer of this.questions.values()) answer(noAnswer);
  }

  private receive(tab: Tab, message: TabMessage): void {
    switch (message.type) {
      case "here":
        tab.visible = message.visible;
        for (const { follower } of tab.streams.values()) follower.visible = tab.visible;
        tab.post({ type: this.tabs.has(tab) ? "here" : "welcome" });
        this.tabs.add(tab);
        this.arrange();
        break;
      case "follow":
        this.tabs.add(tab);
        this.follow(tab, message);
        break;
      case "leave":
        this.leave(tab, message.stream);
        this.arrange();
        break;
      case "token":
        this.questions.get(message.ask)?.(message);
        break;
      case "bye":
        this.drop(tab);
        break;
    }
  }

  private follow(tab: Tab, { stream, path, lastEventId }: Extract<TabMessage, { type: "follow" }>): void {
    // A tab sends all its streams when it is welcomed, even those that the broker knows.
    if (tab.streams.has(stream)) return;
    let upstream = this.upstreams.get(path);
    if (!upstream) {
      upstream = this.open(path);
      this.upstreams.set(path, upstream);
    }
    const follower: Follower = {
      lastEventId,
      visible: tab.visible,
      tell: (message) => tab.post({ stream, ...message } as BrokerMessage),
    };
    tab.streams.set(stream, { follower, upstream });
    upstream.join(follower);
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      this.arrange();
    }, gatherMs);
  }

  private open(path: string): Upstream {
    const upstream: Upstream = new Upstream(
      path,
      this.settings,
      (refused) => this.tokenFor(upstream, refused),
      (error) => {
        // The token of one tab was refused. Another tab can have a valid one.
        if (error instanceof HeadwayError && error.status === 401 && upstream.refuse() < upstream.followers.size) {
          upstream.pause();
          upstream.run();
          return;
        }
        this.upstreams.delete(path);
        upstream.pause();
        upstream.tell({ type: "end", error: toPlain(error) });
        for (const tab of this.tabs) {
          for (const [stream, followed] of tab.streams) if (followed.upstream === upstream) tab.streams.delete(stream);
        }
        this.arrange();
      },
      () => {
        if (!this.turning) return;
        upstream.turn = ++this.turns;
        queueMicrotask(() => this.arrange());
      },
    );
    return upstream;
  }

  private leave(tab: Tab, stream: number): void {
    const followed = tab.streams.get(stream);
    if (!followed) return;
    tab.streams.delete(stream);
    followed.upstream.followers.delete(followed.follower);
    if (followed.upstream.wanted) return;
    followed.upstream.pause();
    this.upstreams.delete(followed.upstream.path);
  }

  private drop(tab: Tab): void {
    for (const stream of tab.streams.keys()) this.leave(tab, stream);
    this.tabs.delete(tab);
    tab.onGone?.();
    this.arrange();
  }

  /** Removes tabs that closed without `bye`. A tab that was only frozen is welcomed again with its next message. */
  private sweep(): void {
    for (const tab of this.tabs) if (now() - tab.heard > goneMs) this.drop(tab);
  }

  /** Assigns the connections to streams. */
  private arrange(): void {
    if (this.gathering) return;
    const all = [...this.upstreams.values()].sort(visibleFirst);
    const { connections } = this.settings;
    const overbooked = all.length > connections;
    const first = all.slice(0, overbooked ? connections - 1 : connections);
    const rest = all.slice(first.length).sort((a, b) => Number(a.served) - Number(b.served) || a.turn - b.turn);
    const chosen = new Set([...first, ...rest.slice(0, 1)]);
    for (const upstream of all) if (!chosen.has(upstream)) upstream.pause();
    for (const upstream of chosen) upstream.run();
    if (overbooked && !this.turning) {
      this.turning = setInterval(() => {
        for (const upstream of this.upstreams.values()) if (upstream.open) upstream.turn = ++this.turns;
        this.arrange();
      }, turnMs);
    } else if (!overbooked) {
      clearInterval(this.turning);
      this.turning = undefined;
    }
  }

  /**
   * Asks the followers of a stream for their tokens, visible ones first, one at a time, until one of them returns a token
   * that the server has not refused. It throws if no follower could return one.
   */
  private async tokenFor(upstream: Upstream, refused: boolean): Promise<string | undefined> {
    if (refused) upstream.refuse();
    const followers = [...this.tabs]
      .sort(visibleFirst)
      .flatMap((tab) =>
        [...tab.streams].filter(([, followed]) => followed.upstream === upstream).map(([stream]) => ({ tab, stream })),
      );
    let failure: HeadwayError | undefined;
    for (const { tab, stream } of followers) {
      for (const again of refused ? [true] : [false, true]) {
        if (!this.tabs.has(tab)) break;
        const { token, error } = await this.ask(tab, stream, again);
        if (error) {
          // The stream tries again after a temporary failure, so one tab with such a failure is enough.
          if (!failure?.temporary) failure = fromPlain(error);
          break;
        }
        upstream.sentToken = token;
        // Without a token, the cookie that all tabs share is the credential.
        if (token === undefined || !upstream.refused.has(token)) return token;
      }
    }
    if (failure) throw failure;
    return upstream.sentToken;
  }

  private ask(tab: Tab, stream: number, refused: boolean): Promise<TokenAnswer> {
    const ask = ++this.lastQuestion;
    return new Promise<TokenAnswer>((resolve) => {
      const timer = setTimeout(resolve, answerMs, noAnswer);
      this.questions.set(ask, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      tab.post({ type: "token?", ask, of: stream, refused });
    }).finally(() => this.questions.delete(ask));
  }
}
