import { HeadwayError } from "../rest/connection.js";
import type { StreamMessage } from "../rest/types.js";
import { followByFetch, type StreamTransport } from "../streams/stream.js";

/**
 * Follows a stream as long as it is this user's. A cookie belongs to the whole browser: once somebody else has signed
 * in with it, a reconnect would bring their jobs. The server says whose a stream is before it says anything else.
 */
export function followAs(user: string): StreamTransport {
  return async (options, path, lastEventId, onMessage) => {
    let stranger = false;
    await followByFetch(options, path, lastEventId, (message, eventId) => {
      const owner = message.type === "connected" ? (message as StreamMessage).user : undefined;
      stranger = owner !== undefined && owner !== user;
      return stranger || onMessage(message, eventId);
    });
    if (stranger) {
      throw new HeadwayError(403, {
        reason: "USER_CHANGED",
        message: "Somebody else has signed in in this browser; load the page again",
      });
    }
  };
}
