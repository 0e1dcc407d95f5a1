import assert from "node:assert/strict";
import { test } from "node:test";
import { launch, open, until } from "./chromium.mjs";
import { importAt, ScriptedEdge } from "./scripted-edge.mjs";

const many = 1000;

/**
 * Scrolls through jobs that change once per second, and counts the rows that the page changes.
 * @param {import("playwright-core").Browser} browser
 */
async function scrollThrough(browser) {
  const ids = Array.from({ length: many }, (_, index) => `job-${String(index).padStart(4, "0")}`);
  let revision = 1;
  const at = (/** @type {string} */ jobId) => ({
    ...importAt((revision % 1000) / 1000, revision),
    jobId,
    import: undefined,
  });
  const edge = await ScriptedEdge.start(() => ids.map(at));
  const { page, context, assertNoErrors } = await open(browser, `${edge.address}/jobs`);
  await until(page, (n) => document.querySelectorAll(".job-row").length === n, many);
  let turn = 0;
  const ticking = setInterval(() => {
    // Every second, each job changes once, spread over ten ticks.
    if (turn % 10 === 0) revision++;
    for (let index = turn % 10; index < ids.length; index += 10) edge.tell(at(ids[index] ?? ""));
    turn++;
  }, 100);
  const seen = await page.evaluate(async () => {
    const changed = new Set();
    new MutationObserver((records) => {
      for (const { target } of records) changed.add(target.parentElement?.closest(".job-row"));
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    const end = performance.now() + 4000;
    let frames = 0;
    while (performance.now() < end) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      // Scrolls as a user does who looks for a job.
      window.scrollBy(0, 20);
      frames++;
    }
    const nodes = document.querySelectorAll("main *").length;
    return { frames, changed: changed.size, nodes, height: document.body.scrollHeight };
  });
  const percents = () => page.locator(".job-row .job-percent").first().textContent();
  const before = await percents();
  while ((await percents()) === before) await page.waitForTimeout(50);
  clearInterval(ticking);
  assertNoErrors();
  await context.close();
  await edge.stop();
  return seen;
}

test("only the visible ones of 1,000 live jobs are rendered", async () => {
  const browser = await launch();
  try {
    const live = await scrollThrough(browser);
    console.info(`frames: ${live.frames}; rows that changed: ${live.changed}; elements: ${live.nodes}`);
    assert.ok(live.height > 50_000, `all of them have their height: ${live.height} px`);
    assert.ok(live.nodes < 3000, `${live.nodes} elements`);
    assert.ok(live.changed > 10 && live.changed < many / 2, `${live.changed} rows changed`);
  } finally {
    await browser.close();
  }
});
