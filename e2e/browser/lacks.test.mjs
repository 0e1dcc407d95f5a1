// The web UI in browsers that lack or refuse a feature: private windows, old browsers, and pages without a secure context.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, totals, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

setUp();

/**
 * Changes of the browser before the page loads.
 * @type {Record<string, () => void>}
 */
const lacks = {
  "without channels": () => Reflect.deleteProperty(globalThis, "BroadcastChannel"),
  "that refuses channels": () => {
    globalThis.BroadcastChannel = /** @type {any} */ (
      class {
        constructor() {
          throw new DOMException("Refused", "SecurityError");
        }
      }
    );
  },
  "without channels and shared workers": () => {
    Reflect.deleteProperty(globalThis, "BroadcastChannel");
    Reflect.deleteProperty(globalThis, "SharedWorker");
  },
  "without a secure context": () => {
    for (const name of ["BroadcastChannel", "SharedWorker"]) Reflect.deleteProperty(globalThis, name);
    Object.defineProperty(navigator, "locks", { value: undefined });
    Object.defineProperty(crypto, "randomUUID", { value: undefined });
  },
  "that refuses locks": () => {
    Reflect.deleteProperty(globalThis, "SharedWorker");
    const refuse = () => Promise.reject(new DOMException("Refused", "SecurityError"));
    Object.defineProperty(navigator, "locks", { value: { request: refuse, query: refuse } });
  },
  "that blocks its storage": () => {
    const blocked = {
      get: () => {
        throw new DOMException("Blocked", "SecurityError");
      },
    };
    Object.defineProperty(globalThis, "localStorage", blocked);
    Object.defineProperty(globalThis, "sessionStorage", blocked);
  },
  "whose storage is full": () => {
    Storage.prototype.setItem = () => {
      throw new DOMException("Full", "QuotaExceededError");
    };
  },
  "whose storage is damaged": () => {
    localStorage.setItem("headway upload ", "{");
    localStorage.setItem('headway upload ["local"', "null");
    localStorage.setItem('headway upload ["local","","a.xlsx",1,2,{}]', "7");
  },
};

for (const [what, lack] of Object.entries(lacks)) {
  test(`a browser ${what} can import, and shows the jobs`, async () => {
    const { context, page, assertNoErrors } = await open(browser, `${headway.address}/favicon.svg`);
    await context.addInitScript(lack);
    await page.goto(headway.address);
    await page.getByRole("button", { name: "Try a sample file" }).click();
    await waitForStatus(page, "waiting");
    await page.getByRole("button", { name: /Import [\d,]+ rows?/ }).click();
    await waitForStatus(page, "completed");
    const { read, sum } = await totals(page);
    assert.equal(sum, read);
    await page.getByRole("navigation").getByRole("link", { name: "Jobs" }).click();
    await page.locator('.job-row[data-status="completed"]').first().waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("headway open").waitFor();
    assertNoErrors();
  });
}
