import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compile } from "svelte/compiler";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileScript, compileTemplate, parse } from "vue/compiler-sfc";

const here = fileURLToPath(new URL(".", import.meta.url));
const guide = ["frontend", "connections"]
  .map((page) => readFileSync(join(here, `../../../docs/${page}.md`), "utf8"))
  .join("\n");
const snippets = new Map(
  Array.from(guide.matchAll(/^```(\w+) file=(\S+)\n(.*?)^```$/gms), ([, , file = "", text = ""]) => [file, text]),
);

const require = createRequire(import.meta.url);
const program = (name: string, file: string) => join(dirname(require.resolve(`${name}/package.json`)), file);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(here, "guide-"));
  for (const [file, text] of snippets) writeFileSync(join(folder, file), text);
  const source = (entry: string) => [`../../src/${entry}`];
  const compilerOptions = {
    allowJs: true,
    checkJs: true,
    types: ["svelte"],
    noUncheckedSideEffectImports: false,
    paths: {
      "@headway/client": source("index.ts"),
      "@headway/client/react": source("react/index.ts"),
      "@headway/client/shared": source("shared/index.ts"),
      "@headway/client/resumable": source("uploads/resumable.ts"),
    },
  };
  const include = ["*.ts", "*.tsx", "*.js", "*.vue", "*.svelte"];
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a checker in the folder of the snippets, and returns the errors that it reports. */
async function complaints(script: string, ...args: string[]): Promise<string> {
  return promisify(execFile)(process.execPath, [script, ...args], { cwd: folder }).then(
    () => "",
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  );
}

test("the guide shows plain JavaScript, TypeScript, React, Vue, and Svelte", () => {
  const kinds = new Set([...snippets.keys()].map((file) => file.split(".").pop()));
  expect([...kinds].sort()).toEqual(["js", "svelte", "ts", "tsx", "vue"]);
});

test("its JavaScript, TypeScript, React, and Vue snippets match the client's types", async () => {
  expect(await complaints(program("vue-tsc", "bin/vue-tsc.js"), "--noEmit", "-p", "tsconfig.json")).toBe("");
}, 120_000);

test("its Svelte snippets match the client's types", async () => {
  const args = ["--tsconfig", "tsconfig.json", "--output", "machine", "--fail-on-warnings"];
  expect(await complaints(program("svelte-check", "bin/svelte-check"), ...args)).toBe("");
}, 120_000);

test("its Vue and Svelte snippets compile", () => {
  for (const [file, text] of snippets) {
    if (file.endsWith(".vue")) {
      const { descriptor, errors } = parse(text, { filename: file });
      expect(errors).toEqual([]);
      const id = basename(file, ".vue");
      const { bindings } = compileScript(descriptor, { id });
      const source = descriptor.template?.content ?? "";
      const template = compileTemplate({ id, filename: file, source, compilerOptions: { bindingMetadata: bindings } });
      expect(template.errors).toEqual([]);
    } else if (file.endsWith(".svelte")) {
      expect(compile(text, { filename: file }).warnings).toEqual([]);
    }
  }
});

test("every snippet is checked", () => {
  const unnamed = Array.from(guide.matchAll(/^```(\S.*)$/gm), ([, info]) => info).filter(
    (info) => !info?.includes("file=") && info !== "sh",
  );
  expect(unnamed).toEqual([]);
});
