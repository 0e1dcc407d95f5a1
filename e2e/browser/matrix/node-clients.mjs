// Runs the clients for Node in their own process, which can be stopped like a computer that sleeps.
import { EventSource } from "eventsource";
import { byEventSource, headwayClient } from "./clients.mjs";

/** @type {Record<string, import("./clients.mjs").Client>} */
const clients = {
  headway: headwayClient,
  eventsource: ({ address, kind, jobId, token, lastEventId }, report) => {
    const source = new EventSource(`${address}/api/v1/sse/jobs/${kind}/${jobId}`, {
      fetch: (url, init) =>
        fetch(url, {
          ...init,
          headers: {
            ...(lastEventId && { "Last-Event-ID": lastEventId }),
            ...init.headers,
            Authorization: `Bearer ${token}`,
          },
        }),
    });
    byEventSource(source, report);
  },
};

const now = Date.now;
process.on("message", (/** @type {any} */ { client, run, watch, clockMs }) => {
  if (clockMs !== undefined) Date.now = () => now() + clockMs;
  if (client) clients[client](watch, (report) => process.send?.({ run, report }));
});
