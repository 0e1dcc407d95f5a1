import type { Plugin } from "vite";
import type { Message } from "../src/messages/catalogs.js";

/** Returns the text of a message without parameters, or else its tree. */
export function compile(message: string): Message;

/** The plugin that parses the ICU messages of src/messages and internal/messages at build time. */
export function messages(): Plugin;
