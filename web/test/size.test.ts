import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, test, vi } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

test("the page and its worker need less than 120 KiB of JavaScript (gzipped), without the texts of other languages", async () => {
  vi.stubEnv("NODE_ENV", "production");
  const built = (await build({ root, logLevel: "silent", build: { write: false } })) as Rolldown.RolldownOutput;
  const scripts = built.output.filter(
    (file) => file.fileName.endsWith(".js") && !(file.type === "chunk" && file.isDynamicEntry),
  );
  const sizes = scripts.map((file) => gzipSync("code" in file ? file.code : file.source, { level: 9 }).length);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  console.info(`the page: ${(bytes / 1024).toFixed(1)} KiB of JavaScript gzipped`);
  expect(scripts.length, "the page and its worker").toBeGreaterThan(1);
  expect(bytes).toBeLessThan(120 * 1024);
}, 60_000);
