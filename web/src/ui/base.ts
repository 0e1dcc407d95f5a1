/** The base URL of links, from the base element that the server writes. Tests have no document. */
const address = typeof document === "undefined" ? "http://127.0.0.1/" : document.baseURI;

/** The path prefix below which a proxy serves this page, without a slash at its end. */
export const base = new URL(address).pathname.replace(/\/[^/]*$/, "");
