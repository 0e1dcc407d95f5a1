import { Hub } from "./broker.js";
import { type HubMessage, type HubSettings, type Link, readBatch } from "./protocol.js";

/** Links a tab to a hub of its own, where the browser cannot share. */
export function linkToOwn(settings: HubSettings, receive: (message: HubMessage) => void): Link {
  const hub = new Hub(settings);
  const guest = hub.welcome((batch) => readBatch(batch).forEach(receive));
  return { post: guest.receive, revive() {}, close: () => hub.close() };
}
