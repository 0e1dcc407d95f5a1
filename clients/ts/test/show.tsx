import "./dom.js";
import { cleanup, configure, render } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { afterEach } from "vitest";
import { HeadwayProvider } from "../src/react/index.js";
import { type Answer, type ScriptedServer, startScriptedServer } from "./scripted-server.js";

// A test that waits for a text asserts nothing about the speed of the machine. Vitest ends one that hangs.
configure({ asyncUtilTimeout: 15_000 });

/** The server of the running test. */
export let server: ScriptedServer;
afterEach(async () => {
  cleanup();
  await server?.close();
});

/** Renders in strict mode, where effects run twice, against a scripted server. */
export async function show(element: ReactNode, ...script: Answer[]) {
  server = await startScriptedServer(...script);
  const connection = { baseUrl: server.baseUrl };
  return render(
    <StrictMode>
      <HeadwayProvider connection={connection}>{element}</HeadwayProvider>
    </StrictMode>,
  );
}
