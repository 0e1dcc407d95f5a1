import type { Plugin } from "vite";

/** The plugin that parses the ICU messages of src/messages at build time. */
export function messages(): Plugin;
