import { after, afterEach, before } from "node:test";
import { closeContexts, launch } from "./chromium.mjs";
import { Headway } from "./headway.mjs";

/**
 * The program of the tests of one file. It runs from `setUp` on.
 * @type {Headway}
 */
export let headway;

/**
 * The browser of the tests of one file.
 * @type {import("playwright-core").Browser}
 */
export let browser;

/**
 * Starts the program and the browser before the tests of a file, and ends them after the last one. Each test starts
 * without an open page.
 * @param {() => string[] | Promise<string[]>} flags returns the flags of the program
 * @param {() => unknown} prepare runs when both have started. Node runs the hooks of a file at the same time.
 */
export function setUp(flags = () => [], prepare = () => {}) {
  before(async () => {
    headway = await Headway.start(...(await flags()));
    browser = await launch();
    await prepare();
  });
  afterEach(() => closeContexts(browser));
  after(async () => {
    await browser?.close();
    await headway?.stop();
  });
}
