/** The script of the SharedWorker: one broker for all tabs that open a worker of this name. */
import { Broker } from "./broker.js";
import type { TabMessage } from "./protocol.js";
import type { Hello } from "./worker-link.js";

let broker: Broker | undefined;

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  if (!port) return;
  let receive: ((message: TabMessage) => void) | undefined;
  port.onmessage = ({ data }: MessageEvent<Hello | TabMessage>) => {
    if ("hello" in data) {
      broker ??= new Broker(data.hello);
      receive = broker.welcome((batch) => port.postMessage(batch)).receive;
    } else receive?.(data);
  };
});
