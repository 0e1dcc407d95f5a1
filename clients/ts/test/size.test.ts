import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

/** Bundles and minifies an entry without React, and returns its gzipped size in bytes. */
async function sizeOf(entry: string): Promise<number> {
  const built = (await build({
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      modulePreload: false,
      rolldownOptions: {
        input: fileURLToPath(new URL(entry, import.meta.url)),
        preserveEntrySignatures: "strict",
        external: [/^react/],
        output: { format: "es" },
      },
    },
  })) as Rolldown.RolldownOutput;
  const code = built.output.map((file) => ("code" in file ? file.code : "")).join("");
  return gzipSync(code, { level: 9 }).length;
}

test("the core with all exports stays under 6 KiB gzipped", async () => {
  const bytes = await sizeOf("../src/index.ts");
  console.info(`@headway/client: ${bytes} bytes gzipped`);
  expect(bytes).toBeLessThan(6144);
});

test("watchJob alone does not include uploads", async () => {
  const bytes = await sizeOf("./fixtures/watch-only.ts");
  console.info(`watchJob alone: ${bytes} bytes gzipped`);
  expect(bytes).toBeLessThan(3072);
});

test.each([
  ["shared", "shared/index.ts", 6656],
  ["resumable", "uploads/resumable.ts", 4608],
])("@headway/client/%s stays small, including what it needs of the core", async (entry, file, limit) => {
  const bytes = await sizeOf(`../src/${file}`);
  console.info(`@headway/client/${entry}: ${bytes} bytes gzipped`);
  expect(bytes).toBeLessThan(limit);
});
