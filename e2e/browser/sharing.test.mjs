import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { chooseWorkbook, open, totals, waitForStatus } from "./chromium.mjs";
import { keyFile } from "./headway.mjs";
import { startProxy } from "./proxy.mjs";
import { browser, headway, setUp } from "./setup.mjs";

const key = "a key of this test alone, which is long enough";

setUp(() => [keyFile(key)]);
afterEach(() => streamsBecome(0));

/**
 * The features to remove from a browser, so that its tabs share streams in each way.
 * @type {Record<string, () => void>}
 */
const ways = {
  "by a shared worker": () => {},
  "by a leader": () => Reflect.deleteProperty(globalThis, "SharedWorker"),
};

/**
 * Opens a separate browser with a signed-in user.
 * @param {string} user
 * @param {() => void} lack
 */
async function signedIn(user, lack = () => {}, address = headway.address) {
  const token = headway.token(user, key);
  const { context, page } = await open(browser, `${address}/favicon.svg`);
  await context.addInitScript(lack);
  await become(context, token);
  await page.close();
  const tab = async (path = "/jobs") => {
    const page = await context.newPage();
    await page.goto(address + path);
    return page;
  };
  const create = async (/** @type {string} */ title) => {
    const { job } = await headway.call(token, "POST", "jobs", { kind: "story", title });
    return {
      path: `/jobs/story/${job.jobId}`,
      cancel: () => headway.call(token, "POST", `jobs/${job.jobId}:cancel`, {}),
      retry: () => headway.call(token, "POST", `jobs/${job.jobId}:retry`, {}),
    };
  };
  return { context, token, tab, create };
}

/**
 * Signs a browser in with a token.
 * @param {import("playwright-core").BrowserContext} context
 * @param {string} token
 */
async function become(context, token) {
  const answer = await context.request.post(`${headway.address}/api/v1/session`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  assert.equal(answer.status(), 200);
}

/**
 * Waits until the server counts this number of streams.
 * @param {number} wanted
 */
async function streamsBecome(wanted) {
  let streams = -1;
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    streams = await headway.streams();
    if (streams === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(streams, wanted, "streams at the server");
}

for (const [way, lack] of Object.entries(ways)) {
  describe(`tabs that share ${way}`, () => {
    test("have one stream, which updates all of them", async () => {
      const { context, tab, create } = await signedIn(`ann, ${way}`, lack);
      const job = await create("Seen by seven");
      const tabs = [];
      for (let n = 0; n < 7; n++) tabs.push(await tab());
      const row = (/** @type {string} */ status) =>
        Promise.all(tabs.map((page) => page.locator(`.job-row[data-status="${status}"]`).first().waitFor()));
      await row("queued");
      await streamsBecome(1);
      await job.cancel();
      await row("cancelled");
      assert.equal(await headway.streams(), 1);
      await context.close();
      await streamsBecome(0);
    });

    test("do not hang when each tab shows another job", async () => {
      const { tab, create } = await signedIn(`bea, ${way}`, lack);
      const jobs = [];
      for (let n = 0; n < 7; n++) jobs.push(await create(`Job ${n}`));
      const tabs = [];
      for (const { path } of jobs) tabs.push(await tab(path));
      for (const page of tabs) await page.locator('.import[data-status="queued"]').waitFor();
      // Every tab has a connection left for the user's actions.
      for (const page of tabs) await page.getByRole("button", { name: "Cancel" }).click();
      for (const page of tabs) await page.locator('.import[data-status="cancelled"]').waitFor();
    });

    test("continue when the first tab closes", async () => {
      const { tab } = await signedIn(`cy, ${way}`, lack);
      const first = await tab("/");
      await chooseWorkbook(first, headway.sample(50_000, 5));
      await first.locator(".import[data-status]").waitFor();
      const second = await tab(new URL(first.url()).pathname);
      await second.locator(".import").waitFor();
      await first.close();
      await waitForStatus(second, "waiting");
      const { read, sum } = await totals(second);
      assert.equal(sum, read);
      await streamsBecome(2);
    });

    test("show the jobs that ended while the browser was offline", async () => {
      const { context, tab, create } = await signedIn(`dee, ${way}`, lack);
      const job = await create("Ends in the dark");
      const tabs = [await tab(), await tab()];
      for (const page of tabs) await page.locator('.job-row[data-status="queued"]').waitFor();
      await context.setOffline(true);
      await job.cancel();
      await context.setOffline(false);
      for (const page of tabs) await page.locator('.job-row[data-status="cancelled"]').waitFor();
    });

    test("all sign out together, and switch to the next user together", async () => {
      const { tab, create } = await signedIn(`eve, ${way}`, lack);
      await create("Eve's secret");
      const tabs = [await tab(), await tab()];
      for (const page of tabs) await page.getByText("Eve's secret").waitFor();
      await tabs[0]?.getByRole("button", { name: "Sign out" }).click();
      for (const page of tabs) await page.getByLabel("Token").waitFor();
      await tabs[1]?.getByLabel("Token").fill(headway.token(`fay, ${way}`, key));
      await tabs[1]?.getByRole("button", { name: "Sign in" }).click();
      for (const page of tabs) {
        await page.getByText(`fay, ${way}`, { exact: true }).waitFor();
        await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
        assert.equal(await page.getByText("Eve's secret").count(), 0);
      }
    });

    test("never show one user's jobs to another when the cookie changes", async () => {
      const { context, tab, create } = await signedIn(`gil, ${way}`, lack);
      await create("Gil's own");
      const page = await tab();
      await page.getByText("Gil's own").waitFor();
      const another = headway.token(`hal, ${way}`, key);
      await become(context, another);
      await headway.call(another, "POST", "jobs", { kind: "story", title: "Hal's own" });
      // Records whether the page ever shows one user's job under the other's name.
      await page.evaluate(() => {
        Object.assign(globalThis, { mixed: false });
        new MutationObserver(() => {
          const text = document.body.textContent ?? "";
          const user = document.querySelector(".user")?.textContent ?? "";
          if (
            (user.startsWith("gil") && text.includes("Hal's own")) ||
            (user.startsWith("hal") && text.includes("Gil's own"))
          ) {
            Object.assign(globalThis, { mixed: true });
          }
        }).observe(document.body, { subtree: true, childList: true, characterData: true });
      });
      await headway.kill();
      await headway.run();
      await page.getByText(`hal, ${way}`, { exact: true }).waitFor();
      await page.getByText("Hal's own").waitFor();
      assert.equal(await page.evaluate("globalThis.mixed"), false);
    });
  });
}

/** The shared workers of the browser, by their IDs in DevTools. */
async function sharedWorkers() {
  const devtools = await browser.newBrowserCDPSession();
  const { targetInfos } = await devtools.send("Target.getTargets");
  const ids = targetInfos.filter(({ type }) => type === "shared_worker").map(({ targetId }) => targetId);
  return { ids, crash: () => Promise.all(ids.map((targetId) => devtools.send("Target.closeTarget", { targetId }))) };
}

test("a crashed worker is replaced", async () => {
  const { tab, create } = await signedIn("ivy");
  const job = await create("Outlives the worker");
  const page = await tab();
  await page.locator('.job-row[data-status="queued"]').waitFor();
  await streamsBecome(1);
  const workers = await sharedWorkers();
  assert.equal(workers.ids.length, 1);
  await workers.crash();
  await streamsBecome(0);
  await job.cancel();
  await page.locator('.job-row[data-status="cancelled"]').waitFor();
});

test("a worker that crashes before its stream opens is replaced", async (t) => {
  const proxy = await startProxy(t, headway.address, "hold");
  const { tab, create } = await signedIn("kim", () => {}, proxy.address);
  const job = await create("Ends before the stream opens");
  const page = await tab();
  await page.locator('.job-row[data-status="queued"]').waitFor();
  const workers = await sharedWorkers();
  assert.equal(workers.ids.length, 1);
  await workers.crash();
  await job.cancel();
  proxy.release();
  await page.locator('.job-row[data-status="cancelled"]').waitFor();
});

test("without shared workers and locks, each tab has its own stream", async () => {
  const { tab, create } = await signedIn("jo", () => {
    Reflect.deleteProperty(globalThis, "SharedWorker");
    Object.defineProperty(navigator, "locks", { value: undefined });
  });
  await create("Seen twice");
  const tabs = [await tab(), await tab()];
  for (const page of tabs) await page.locator('.job-row[data-status="queued"]').waitFor();
  await streamsBecome(2);
});
