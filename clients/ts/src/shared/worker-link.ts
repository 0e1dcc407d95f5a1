import {
  type Batch,
  type BrokerMessage,
  type BrokerSettings,
  type Link,
  protocolVersion,
  readBatch,
  type TabMessage,
} from "./protocol.js";

/** How long a worker can take to answer the first time. */
const startMs = 5_000;

/** The first message of a tab to the worker. */
export interface Hello {
  hello: BrokerSettings;
}

/**
 * Links a tab to the broker in a SharedWorker. It calls `onRefused` if that fails: the browser has no shared workers,
 * the page's content policy or its origin forbids the script, or the script does not start.
 */
export function linkToWorker(
  settings: BrokerSettings,
  receive: (message: BrokerMessage) => void,
  onRefused: () => void,
): Link | undefined {
  let worker: SharedWorker | undefined;
  let generation = 0;
  let welcomed = false;

  const start = () => {
    // The script and the name identify a worker: other users, servers, and versions get other workers.
    const key = [protocolVersion, generation, settings.baseUrl, settings.credentials, settings.user];
    worker = new SharedWorker(new URL("./worker.js", import.meta.url), {
      type: "module",
      name: `headway ${key.join(" ")}`,
    });
    worker.onerror = refuse;
    worker.port.onmessage = ({ data }: MessageEvent<Batch>) => {
      if (!welcomed) clearTimeout(waiting);
      welcomed = true;
      readBatch(data).forEach(receive);
    };
    worker.port.postMessage({ hello: settings } satisfies Hello);
  };
  const stop = () => {
    clearTimeout(waiting);
    if (!worker) return;
    worker.onerror = worker.port.onmessage = null;
    worker.port.close();
    worker = undefined;
  };
  const refuse = () => {
    if (welcomed || !worker) return;
    stop();
    onRefused();
  };
  const waiting = setTimeout(refuse, startMs);
  try {
    start();
  } catch {
    clearTimeout(waiting);
    return undefined;
  }

  return {
    post: (message: TabMessage) => worker?.port.postMessage(message),
    revive() {
      // A worker that hangs keeps its name, so the next worker gets a new one.
      stop();
      generation++;
      start();
    },
    close: stop,
  };
}
