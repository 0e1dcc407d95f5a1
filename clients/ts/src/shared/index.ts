/** One stream for all tabs of a browser, by a SharedWorker, or else by a leader among the tabs. */
import type { StreamTransport } from "../streams/stream.js";
import { followAs } from "./guard.js";
import { canElect, linkToLeader } from "./leader-link.js";
import { linkToOwn } from "./own-link.js";
import type { BrokerMessage, BrokerSettings, Link } from "./protocol.js";
import { Tab } from "./tab.js";
import { linkToWorker } from "./worker-link.js";

/** How tabs share. */
export interface SharingOptions {
  /**
   * The subject of the user who is signed in. Tabs of the same user share, and a stream that turns out to be another's
   * ends with the reason `USER_CHANGED`.
   */
  user: string;
  /** How many streams the browser holds open to the server at a time; 4 by default, which HTTP/1.1 bears. */
  connections?: number | undefined;
  /** How to share, best first; what the browser lacks is passed over. Each tab has streams of its own if nothing is left. */
  by?: readonly ("worker" | "leader")[] | undefined;
}

/**
 * Makes a transport that shares streams with the other tabs of this browser. Give it to a watch as `transport`, or to a
 * HeadwayProvider's connection for all hooks. It holds nothing open while nothing is followed. A connection with a `fetch`
 * of its own is not shared, since other tabs cannot call it.
 */
export function shareStreams({ user, connections = 4, by = ["worker", "leader"] }: SharingOptions): StreamTransport {
  const tabs = new Map<string, Tab>();
  const alone = followAs(user);
  return (options, ...rest) => {
    if (options.fetch || typeof location === "undefined") return alone(options, ...rest);
    const baseUrl = new URL(options.baseUrl ?? "", location.origin).href.replace(/\/$/, "");
    const credentials = options.credentials ?? "same-origin";
    const key = `${credentials} ${baseUrl}`;
    let tab = tabs.get(key);
    if (!tab) {
      tab = new Tab((receive) => openLink({ user, baseUrl, credentials, connections }, receive, by));
      tabs.set(key, tab);
    }
    return tab.follow(options, ...rest);
  };
}

/** Opens the best link that this browser has; what was said before it stands is said again when its broker welcomes. */
function openLink(
  settings: BrokerSettings,
  receive: (message: BrokerMessage) => void,
  by: SharingOptions["by"] = [],
): Link {
  let link: Link | undefined;
  let closed = false;
  const elect = () => {
    if (closed) return;
    link = by.includes("leader") && canElect() ? linkToLeader(settings, receive) : linkToOwn(settings, receive);
    link.post({ type: "here", visible: document.visibilityState !== "hidden" });
  };
  if (by.includes("worker") && typeof SharedWorker !== "undefined") link = linkToWorker(settings, receive, elect);
  if (!link) elect();
  return {
    post: (message) => link?.post(message),
    revive: () => link?.revive(),
    close() {
      closed = true;
      link?.close();
    },
  };
}
