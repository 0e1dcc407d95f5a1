import { Hub } from "./hub.js";
import type { HubMessage, HubSettings, Link } from "./protocol.js";

/** Links a tab to a hub of its own, where the browser cannot share. */
export function linkToOwn(settings: HubSettings, receive: (message: HubMessage) => void): Link {
  const hub = new Hub(settings);
  const guest = hub.welcome((message) => queueMicrotask(() => receive(message)));
  return { post: guest.receive, revive() {}, close: () => hub.close() };
}
