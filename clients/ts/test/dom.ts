import { JSDOM } from "jsdom";

// A document for React, beside Node's own fetch and AbortController, which jsdom's would not fit.
const { window } = new JSDOM("<!doctype html><html><body></body></html>", { url: "http://127.0.0.1/" });
Object.assign(globalThis, {
  window,
  document: window.document,
  HTMLElement: window.HTMLElement,
  Node: window.Node,
  MutationObserver: window.MutationObserver,
  IS_REACT_ACT_ENVIRONMENT: true,
});
if (!("navigator" in globalThis)) Object.defineProperty(globalThis, "navigator", { value: window.navigator });
