// Measures what a job with 4 updates per second costs the page: `npm run bench:page`. Chromium counts the CPU time of its
// processes and of the page's main thread. Waiting for a busy machine does not count.
import { launch, open } from "./chromium.mjs";
import { importAt, ScriptedEdge } from "./scripted-edge.mjs";

const seconds = Number(process.env.SECONDS ?? 20);

let updates = 0;
const now = () => importAt(0.1 + updates * 0.005, updates + 1);
const edge = await ScriptedEdge.start(() => [now()]);
const browser = await launch();
const ticking = setInterval(() => {
  updates++;
  edge.tell(now());
}, 250);

for (const [name, path] of Object.entries({ "an import": "/imports/import-1", "the list of jobs": "/jobs" })) {
  for (const reducedMotion of /** @type {const} */ (["no-preference", "reduce"])) {
    updates = 0;
    const { page, context } = await open(browser, edge.address + path, { reducedMotion });
    await page
      .locator(path === "/jobs" ? ".job-row" : ".headway-step")
      .first()
      .waitFor();
    await page.waitForTimeout(2000);
    const devtools = await context.newCDPSession(page);
    const whole = await browser.newBrowserCDPSession();
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const look = async () => {
      const { metrics } = await devtools.send("Performance.getMetrics");
      const { processInfo } = await whole.send("SystemInfo.getProcessInfo");
      /** @type {Record<string, number>} */
      const seen = Object.fromEntries(metrics.map((metric) => [metric.name, metric.value]));
      for (const { type, cpuTime } of processInfo) seen[type] = (seen[type] ?? 0) + cpuTime;
      return seen;
    };
    const before = await look();
    await page.waitForTimeout(seconds * 1000);
    const after = await look();
    const share = (/** @type {string} */ metric) =>
      `${(((after[metric] ?? 0) - (before[metric] ?? 0)) * (100 / seconds)).toFixed(1)}`.padStart(5);
    console.info(
      `${name.padEnd(17)} motion: ${reducedMotion.padEnd(13)} % of a core: main thread ${share("TaskDuration")}` +
        ` (script ${share("ScriptDuration")}, style ${share("RecalcStyleDuration")}, layout ${share("LayoutDuration")});` +
        ` page's process ${share("renderer")}, drawing ${share("GPU")}`,
    );
    await context.close();
  }
}
clearInterval(ticking);
await browser.close();
await edge.stop();
