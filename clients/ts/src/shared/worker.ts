/** The script of the SharedWorker: one hub for all the tabs that its name is meant for. */
import { Hub } from "./broker.js";
import type { TabMessage } from "./protocol.js";
import type { Hello } from "./worker-link.js";

let hub: Hub | undefined;

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  if (!port) return;
  let receive: ((message: TabMessage) => void) | undefined;
  port.onmessage = ({ data }: MessageEvent<Hello | TabMessage>) => {
    if ("hello" in data) {
      hub ??= new Hub(data.hello);
      receive = hub.welcome((batch) => port.postMessage(batch)).receive;
    } else receive?.(data);
  };
});
