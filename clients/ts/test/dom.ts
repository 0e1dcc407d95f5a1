import { JSDOM } from "jsdom";

// A document for React. fetch and AbortController stay Node's, because jsdom's are not compatible with them.
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
