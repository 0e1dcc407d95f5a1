import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { messages } from "./tools/compile-messages.mjs";

const client = (path: string) => fileURLToPath(new URL(`../clients/ts/${path}`, import.meta.url));

// The server's content security policy is `default-src 'self'`, so nothing is inlined: assets stay files, and no polyfill is
// injected. public/.keep restores the file with which Go can embed the folder before the web UI is built.
export default defineConfig({
  base: "./", // the server can be below a path prefix, which it writes into the base element
  plugins: [react(), messages()],
  resolve: {
    alias: [
      { find: "@headway/client/styles.css", replacement: client("styles.css") },
      { find: "@headway/client/resumable", replacement: client("src/uploads/resumable.ts") },
      { find: "@headway/client/shared", replacement: client("src/shared/index.ts") },
      { find: "@headway/client/react", replacement: client("src/react/index.ts") },
      { find: "@headway/client", replacement: client("src/index.ts") },
    ],
  },
  worker: { format: "es" },
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { "/api": process.env.HEADWAY_URL ?? "http://127.0.0.1:8080" } },
});
