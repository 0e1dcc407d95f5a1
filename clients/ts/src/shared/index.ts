/** One stream for all tabs of a browser, over a SharedWorker or, without one, a leader among the tabs. */
import type { StreamTransport } from "../streams/stream.js";
import { followAs } from "./guard.js";
import { canElect, linkToLeader } from "./leader-link.js";
import { linkToOwn } from "./own-link.js";
import type { BrokerMessage, BrokerSettings, Link } from "./protocol.js";
import { Tab } from "./tab.js";
import { linkToWorker } from "./worker-link.js";

/** How tabs share streams. */
export interface SharingOptions {
  /**
   * The subject of the signed-in user. Tabs of the same user share streams. A stream of another user ends with the reason
   * `USER_CHANGED`.
   */
  user: string;
  /** The maximum number of streams that the browser has open at a time; 4 by default, which leaves room in HTTP/1.1. */
  connections?: number | undefined;
  /** The ways to share, best first. If the browser supports none of them, each tab has its own streams. */
  by?: readonly ("worker" | "leader")[] | undefined;
}

/**
 * Returns a transport that shares streams with the other tabs of this browser. Pass it to a watch as `transport`, or to
 * the connection of a HeadwayProvider for all hooks. It is idle while nothing is followed. A connection with its own
 * `fetch` is not shared, because other tabs can't call it.
 */
export function shareStreams({ user, connections = 4, by = ["worker", "leader"] }: SharingOptions): StreamTransport {
  const tabs = new Map<string, Tab>();
  const alone = followAs(user);
  return (options, ...rest) => {
    if (options.fetch || typeof document === "undefined") return alone(options, ...rest);
    // A frame without its own address has the base of the page around it.
    const baseUrl = new URL(options.baseUrl || "/", document.baseURI).href.replace(/\/$/, "");
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

/** Opens the best link that this browser supports. Earlier messages are repeated when the broker welcomes the tab. */
function openLink(
  settings: BrokerSettings,
  receive: (message: BrokerMessage) => void,
  by: SharingOptions["by"] = [],
): Link {
  let link: Link | undefined;
  let closed = false;
  const use = (next: Link) => {
    link = next;
    link.post({ type: "here", visible: document.visibilityState !== "hidden" });
  };
  const standAlone = () => {
    if (!closed) use(linkToOwn(settings, receive));
  };
  const elect = () => {
    if (closed) return;
    try {
      if (by.includes("leader") && canElect()) return use(linkToLeader(settings, receive, standAlone));
    } catch {
      // A sandboxed frame can refuse the channel.
    }
    standAlone();
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
