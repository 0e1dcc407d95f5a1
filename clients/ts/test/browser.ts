/** The parts of a browser that shared streams need, on Node: shared workers, locks, and one window. */
import { vi } from "vitest";
import { Locks } from "./locks.js";

type Accept = (port: MessagePort) => void;

let instances = 0;
/** Loaded instances of the worker's script. Loading takes real time, during which a test's clock would move on. */
const loaded: Accept[] = [];

/** Runs each worker's real script, in its own instance, and passes it real message ports. */
class InProcessWorker {
  static readonly running = new Map<string, Accept | undefined>();
  readonly port: MessagePort;
  onerror: unknown = null;

  constructor(_url: URL, { name }: { name: string }) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    if (!InProcessWorker.running.has(name)) InProcessWorker.running.set(name, loaded.pop());
    const accept = InProcessWorker.running.get(name);
    setImmediate(() => accept?.(port2));
  }
}

async function load(): Promise<Accept> {
  let onConnect: ((event: Event) => void) | undefined;
  vi.stubGlobal("addEventListener", (_type: string, listener: (event: Event) => void) => {
    onConnect = listener;
  });
  const script = `../src/shared/worker.ts?instance=${++instances}`;
  await import(script);
  return (port) => onConnect?.(Object.assign(new Event("connect"), { ports: [port] }));
}

/** Makes this process look like a page of the server. Vitest removes it with `vi.unstubAllGlobals`. */
export async function stubBrowser(origin: string, workers: number): Promise<EventTarget> {
  const window = new EventTarget();
  InProcessWorker.running.clear();
  while (loaded.length < workers) loaded.push(await load());
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
  vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "visible", baseURI: `${origin}/` }));
  vi.stubGlobal("location", new URL(origin));
  vi.stubGlobal("navigator", { locks: new Locks(), onLine: true });
  vi.stubGlobal("SharedWorker", InProcessWorker);
  return window;
}
