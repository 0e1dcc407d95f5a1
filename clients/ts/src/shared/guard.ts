import { HeadwayError } from "../rest/connection.js";
import type { StreamMessage } from "../rest/types.js";
import { followByFetch, type StreamTransport } from "../streams/stream.js";

/**
 * Follows a stream only while it belongs to the signed-in user. All tabs share the cookie, so a reconnect after another
 * user has signed in would deliver that user's jobs. The first message of a stream names its user.
 */
export function followAs(user: string): StreamTransport {
  return async (options, path, lastEventId, onMessage) => {
    let changed = false;
    await followByFetch(options, path, lastEventId, (message, eventId) => {
      const owner = message.type === "connected" ? (message as StreamMessage).user : undefined;
      changed = owner !== undefined && owner !== user;
      return changed || onMessage(message, eventId);
    });
    if (changed) {
      throw new HeadwayError(403, {
        reason: "USER_CHANGED",
        message: "Another user signed in on this browser. Reload the page.",
      });
    }
  };
}
