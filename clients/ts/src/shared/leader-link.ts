import { Broker } from "./broker.js";
import {
  type Batch,
  type BrokerMessage,
  type BrokerSettings,
  type Link,
  protocolVersion,
  readBatch,
  type TabMessage,
} from "./protocol.js";

/** A message on the channel: to the broker, to one tab, or to all. */
type Parcel = { to: "broker"; from: string; message: TabMessage } | { to: string; batch: Batch };

const welcome: BrokerMessage = { type: "welcome" };

/**
 * Links tabs by a BroadcastChannel to a broker in one of them, the leader, which holds a lock. When the leader closes, the
 * next tab gets the lock and welcomes all tabs again. Channels and locks need a secure context: see `canElect`. It calls
 * `onRefused` if the browser has locks but refuses them, as it does in sandboxed frames.
 */
export function linkToLeader(
  settings: BrokerSettings,
  receive: (message: BrokerMessage) => void,
  onRefused: () => void,
): Link {
  const name = `headway ${[protocolVersion, settings.baseUrl, settings.credentials, settings.user].join(" ")}`;
  const me = Array.from(crypto.getRandomValues(new Uint32Array(2)), String).join("-");
  const channel = new BroadcastChannel(name);
  const closing = new AbortController();
  let stopLeading: (() => void) | undefined;
  let own: ((message: TabMessage) => void) | undefined;
  let remote: ((from: string, message: TabMessage) => void) | undefined;
  const send = (parcel: Parcel) => {
    if (!closing.signal.aborted) channel.postMessage(parcel);
  };

  const lead = () => {
    if (closing.signal.aborted) return Promise.resolve();
    const broker = new Broker(settings);
    const guests = new Map<string, ReturnType<Broker["welcome"]>>();
    own = broker.welcome((batch) => readBatch(batch).forEach(receive)).receive;
    remote = (from, message) => {
      let guest = guests.get(from);
      if (!guest) {
        guest = broker.welcome(
          (batch) => send({ to: from, batch }),
          () => guests.delete(from),
        );
        guests.set(from, guest);
      }
      guest.receive(message);
    };
    send({ to: "all", batch: JSON.stringify([welcome]) });
    receive(welcome);
    return new Promise<void>((resolve) => {
      stopLeading = () => {
        own = remote = stopLeading = undefined;
        broker.close();
        resolve();
      };
    });
  };

  const elect = (options: LockOptions) => {
    navigator.locks.request(name, options, lead).catch((error: unknown) => {
      stopLeading?.();
      if (closing.signal.aborted) return;
      // Another tab took the lock because this one was silent. It queues for the lock again.
      if ((error as Error)?.name === "AbortError") elect({ signal: closing.signal });
      else {
        close();
        onRefused();
      }
    });
  };

  channel.onmessage = ({ data }: MessageEvent<Parcel>) => {
    if ("message" in data) remote?.(data.from, data.message);
    else if (data.to === me || data.to === "all") readBatch(data.batch).forEach(receive);
  };
  elect({ signal: closing.signal });

  const close = () => {
    closing.abort();
    stopLeading?.();
    channel.close();
  };

  return {
    post(message) {
      if (own) own(message);
      else send({ to: "broker", from: me, message });
    },
    revive: () => elect({ steal: true }),
    close,
  };
}

/** Reports whether this browser can share streams through a leader. */
export const canElect = (): boolean =>
  typeof BroadcastChannel !== "undefined" && globalThis.navigator?.locks !== undefined;
