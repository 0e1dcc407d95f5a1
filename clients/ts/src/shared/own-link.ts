import { Broker } from "./broker.js";
import { type BrokerMessage, type BrokerSettings, type Link, readBatch } from "./protocol.js";

/** Links a tab to its own broker, where the browser can't share. */
export function linkToOwn(settings: BrokerSettings, receive: (message: BrokerMessage) => void): Link {
  const broker = new Broker(settings);
  const guest = broker.welcome((batch) => readBatch(batch).forEach(receive));
  return { post: guest.receive, revive() {}, close: () => broker.close() };
}
