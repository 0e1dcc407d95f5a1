// Clients of streams, as docs/connections.md shows them. They run in Node and in a browser.

import { watchJob } from "@headway/client";
import { fetchEventSource } from "@microsoft/fetch-event-source";

/**
 * @typedef {object} Watch
 * @property {string} address The server's.
 * @property {string} kind
 * @property {string} jobId
 * @property {string} token
 * @property {string} lastEventId The ID to begin with, or "".
 */
/**
 * What a client shows: a job's status, that it reconnects, or why it stopped.
 * @typedef {{ status?: string, lost?: boolean, stopped?: string }} Report
 */
/** @typedef {(watch: Watch, report: (report: Report) => void) => void} Client */

const isTerminal = (/** @type {string | undefined} */ status) =>
  status === "completed" || status === "failed" || status === "cancelled";

const streamOf = (/** @type {Watch} */ { address, kind, jobId }) => `${address}/api/v1/sse/jobs/${kind}/${jobId}`;

/** @type {Client} */
export function headwayClient({ address, kind, jobId, token, lastEventId }, report) {
  let begun = false;
  watchJob({
    baseUrl: address,
    kind,
    jobId,
    token,
    fetch: (input, init) => {
      const headers = { ...(!begun && lastEventId && { "Last-Event-ID": lastEventId }), ...init?.headers };
      begun = true;
      return fetch(input, { ...init, headers: /** @type {Record<string, string>} */ (headers) });
    },
    onUpdate: ({ status }) => report({ status }),
    onConnection: ({ phase }) => phase === "retrying" && report({ lost: true }),
    onError: (error) => report({ stopped: String(/** @type {any} */ (error).reason ?? error) }),
  });
}

/**
 * Follows a stream by an EventSource, the browser's or the package's.
 * @param {any} source
 * @param {(report: Report) => void} report
 */
export function byEventSource(source, report) {
  source.onmessage = (/** @type {{ data: string }} */ { data }) => {
    const { type, status } = JSON.parse(data);
    if (status) report({ status });
    if (type === "job_deleted") report({ stopped: "deleted" });
    if (type === "job_deleted" || isTerminal(status)) source.close();
  };
  source.onerror = () => report(source.readyState === 2 ? { stopped: "closed" } : { lost: true });
}

/** @type {Client} */
export function browserEventSource(watch, report) {
  const query = watch.lastEventId && `?last_event_id=${encodeURIComponent(watch.lastEventId)}`;
  byEventSource(new EventSource(streamOf(watch) + query), report);
}

/** An error after which fetchEventSource stops. */
class Refused extends Error {}

/** @type {Client} */
export function microsoftClient(watch, report) {
  let over = false;
  fetchEventSource(streamOf(watch), {
    headers: {
      Authorization: `Bearer ${watch.token}`,
      ...(watch.lastEventId && { "last-event-id": watch.lastEventId }),
    },
    openWhenHidden: true,
    onopen: async (response) => {
      const { status, headers } = response;
      if (status >= 400 && status < 500 && status !== 429) throw new Refused((await response.json()).reason);
      if (!headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Error(`HTTP ${status}`);
    },
    onmessage: ({ data }) => {
      if (!data) return;
      const { type, status } = JSON.parse(data);
      if (status) report({ status });
      over = isTerminal(status);
      if (type === "job_deleted") throw new Refused("deleted");
    },
    // Without this, the promise resolves at every end of the stream, as if the job had ended.
    onclose: () => {
      if (!over) throw new Error("The stream ended before the job.");
    },
    onerror: (error) => {
      if (error instanceof Refused) throw error;
      report({ lost: true });
    },
  }).catch((error) => report({ stopped: error.message }));
}
