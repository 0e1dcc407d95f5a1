// A real Chromium, and helpers for all tests.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Headway } from "./headway.mjs";

const artifacts = fileURLToPath(new URL("../artifacts", import.meta.url));
const axeSource = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** Starts the system's Chromium without background network traffic. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/**
 * Closes every page and context of a browser, even those of a test that failed: so the next test starts with none.
 * @param {import("playwright-core").Browser | undefined} browser
 */
export async function closeContexts(browser) {
  await Promise.all(browser?.contexts().map((context) => context.close()) ?? []);
}

export const sizes = {
  desktop: { width: 1280, height: 900 },
  phone: { width: 390, height: 844 },
  narrow: { width: 360, height: 740 },
};

/**
 * How long a page may take for anything but an import, in milliseconds. On a busy machine, Playwright's 30 seconds were not enough.
 */
const waitTimeout = 120_000;

/**
 * Opens a context whose waits are long enough for a busy machine.
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function newContext(browser, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(waitTimeout);
  return context;
}

/**
 * Opens a page that records errors in its console, of scripts or of the content policy. `assertNoErrors` fails on any. If
 * the server has a local user, that user is signed in.
 * @param {import("playwright-core").Browser} browser
 * @param {string} address
 * @param {import("playwright-core").BrowserContextOptions} [options]
 * @param {Headway} [server] the server that answers there, if a proxy is in front of it
 */
export async function open(browser, address, options = {}, server = Headway.at(address)) {
  const context = await newContext(browser, { viewport: sizes.desktop, ...options });
  if (server?.hasLocalSignIn) await server.signIn(context);
  const page = await context.newPage();
  /** @type {string[]} */
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The page itself shows refused and failed requests.
    if (message.type() === "error" && !/Failed to load resource|net::ERR_/.test(message.text()))
      errors.push(message.text());
  });
  await page.goto(address);
  return { context, page, assertNoErrors: () => assert.deepEqual(errors, []) };
}

/**
 * Waits until the page has its final look: fonts are loaded, the layout no longer changes, and color transitions have
 * ended.
 * @param {import("playwright-core").Page} page
 */
export async function settle(page) {
  await page.evaluate(async () => {
    await document.fonts.ready;
    const root = document.documentElement;
    // Parts that scroll into view are rendered after an observer has reported them.
    for (let height = -1, same = 0; same < 3; same = root.scrollHeight === height ? same + 1 : 0) {
      height = root.scrollHeight;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    const finite = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
    await Promise.all(finite.map(({ finished }) => finished.catch(() => {})));
  });
}

/**
 * Fails if the page is wider than its viewport.
 * @param {import("playwright-core").Page} page
 * @param {string} state
 */
export async function assertFits(page, state) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0, `${state}: the page is ${wide} px wider than the screen`);
}

/**
 * Runs axe on the page as it is.
 * @param {import("playwright-core").Page} page
 * @param {string} state
 */
export async function assertAccessible(page, state) {
  await settle(page);
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const { axe } = /** @type {any} */ (globalThis);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await axe.run(document, { runOnly: tags });
    return found.violations.map((/** @type {any} */ violation) => ({
      rule: violation.id,
      help: violation.help,
      nodes: violation.nodes.map(
        (/** @type {any} */ node) => `${node.html.slice(0, 160)} | ${node.any[0]?.message ?? ""}`,
      ),
    }));
  });
  assert.deepEqual(violations, [], `axe on ${state}`);
}

/**
 * Takes a picture of the whole page.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function picture(page, name) {
  mkdirSync(artifacts, { recursive: true });
  const size = page.viewportSize() ?? sizes.desktop;
  // Parts outside the viewport are not laid out, so the viewport grows to the whole page.
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: size.width, height: Math.min(Math.max(height, size.height), 4000) });
  await settle(page);
  await page.screenshot({ path: `${artifacts}/${name}.png` });
  await page.setViewportSize(size);
}

/**
 * Chooses a file on the start page.
 * @param {import("playwright-core").Page} page
 * @param {string} path
 */
export async function chooseWorkbook(page, path) {
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose file" }).click();
  await (await choosing).setFiles(path);
}

/**
 * Opens the import options on the start page.
 * @param {import("playwright-core").Page} page
 */
export async function openOptions(page) {
  await page.getByText("Import options", { exact: true }).click();
}

/**
 * How long a test waits for an import. It only ends a test that would wait forever: on a busy machine, an import of 280,000
 * rows can take minutes.
 */
export const importTimeout = 600_000;

/**
 * Waits until the import on the page has this status.
 * @param {import("playwright-core").Page} page
 * @param {string} status
 */
export async function waitForStatus(page, status) {
  try {
    await page.locator(`.import[data-status="${status}"]`).waitFor({ timeout: importTimeout });
  } catch (cause) {
    const shown = await page.locator("body").innerText();
    throw new Error(`The import did not become ${status}. The page shows:\n${shown}`, { cause });
  }
}

/**
 * Returns the name and the state of every step on the page.
 * @param {import("playwright-core").Page} page
 */
export function stepStates(page) {
  return page
    .locator("[data-step]")
    .evaluateAll((steps) =>
      steps.map((step) => `${step.getAttribute("data-step")} ${step.getAttribute("data-state")}`),
    );
}

/**
 * Evaluates a function in the page until it returns true. (Playwright's waitForFunction needs eval, which the page's
 * content policy forbids.)
 * @template T
 * @param {import("playwright-core").Page} page
 * @param {(arg: T) => boolean} holds
 * @param {T} arg
 */
export async function until(page, holds, arg, timeoutMs = 90_000) {
  for (const end = Date.now() + timeoutMs; Date.now() < end; ) {
    if (await page.evaluate(/** @type {any} */ (holds), arg)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`the condition never became true: ${holds}`);
}

/**
 * Returns the totals of the page.
 * @param {import("playwright-core").Page} page
 */
export async function totals(page) {
  const number = (/** @type {string | null} */ text) => Number((text ?? "").replace(/\D/g, ""));
  const read = number(await page.locator(".totals-read strong").textContent());
  const rows = await page.locator(".totals-list > div").all();
  /** @type {Record<string, number>} */
  const outcomes = {};
  for (const row of rows) {
    outcomes[(await row.getAttribute("data-outcome")) ?? ""] = number(await row.locator("dd").textContent());
  }
  return { read, outcomes, sum: Object.values(outcomes).reduce((sum, n) => sum + n, 0) };
}
