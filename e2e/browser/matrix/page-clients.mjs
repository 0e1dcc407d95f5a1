// The browser clients. They are bundled, and run on an empty page.
import { browserEventSource, headwayClient, microsoftClient } from "./clients.mjs";

Object.assign(globalThis, {
  matrix: { headway: headwayClient, EventSource: browserEventSource, "fetch-event-source": microsoftClient },
});
