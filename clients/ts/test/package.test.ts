/** The package as users install it: packed, and installed in an empty project. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const client = fileURLToPath(new URL("..", import.meta.url));
/** The packages that the project has in addition: the tools, and the optional peer. */
const others = ["typescript", "react", "react-dom", "@types/react", "@types/react-dom"];

let project: string;
let installed: string;

const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: project, encoding: "utf8" });
const write = (files: Record<string, string>) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
};

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "headway-package-"));
  execFileSync("npm", ["pack", "--pack-destination", project], { cwd: client, stdio: "pipe" });
  write({ "package.json": JSON.stringify({ private: true, type: "module" }) });
  const tarball = readdirSync(project).find((name) => name.endsWith(".tgz")) ?? "";
  run("npm", "install", "--offline", "--no-audit", "--no-fund", `./${tarball}`);
  installed = join(project, "node_modules/@headway/client");
  for (const name of others) {
    mkdirSync(dirname(join(project, "node_modules", name)), { recursive: true });
    symlinkSync(join(client, "../../node_modules", name), join(project, "node_modules", name));
  }
}, 120_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe("the packed package", () => {
  test("has all files that it exports, and nothing else", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    const targets = Object.values(manifest.exports as Record<string, string | Record<string, string>>).flatMap(
      (target) => (typeof target === "string" ? [target] : Object.values(target)),
    );
    expect(targets.length).toBeGreaterThan(8);
    for (const target of targets) expect(existsSync(join(installed, target)), target).toBe(true);
    expect(readdirSync(installed).sort()).toEqual(["README.md", "dist", "package.json", "styles.css"]);
    const files = readdirSync(join(installed, "dist"), { recursive: true, withFileTypes: true });
    const odd = files.filter((file) => file.isFile() && !/\.(js|d\.ts)$/.test(file.name)).map(({ name }) => name);
    expect(odd).toEqual([]);
    const sources = readdirSync(join(client, "src"), { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile()).length).toBe(2 * sources.filter((file) => file.isFile()).length);
  });

  test("installs no other package", () => {
    const { packages } = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8"));
    expect(Object.keys(packages)).toEqual(["", "node_modules/@headway/client"]);
  });

  test("marks its React entry as client code, for frameworks that render on a server", () => {
    expect(readFileSync(join(installed, "dist/react/index.js"), "utf8")).toMatch(/^"use client";/);
  });
});

const names: Record<string, string> = {
  "@headway/client": "watchJob",
  "@headway/client/react": "useJob",
  "@headway/client/shared": "shareStreams",
  "@headway/client/resumable": "uploadResumably",
};

describe("every entry loads in Node", () => {
  test.each(Object.entries(names))("%s, by import and require", (entry, name) => {
    write({
      "load.mjs": `import { ${name} } from "${entry}";\nconsole.log(typeof ${name});\n`,
      "load.cjs": `console.log(typeof require("${entry}").${name});\n`,
    });
    for (const file of ["load.mjs", "load.cjs"]) expect(run(process.execPath, file)).toBe("function\n");
  });

  test("the stylesheet resolves", () => {
    write({ "load.mjs": 'console.log(import.meta.resolve("@headway/client/styles.css"));\n' });
    expect(existsSync(fileURLToPath(run(process.execPath, "load.mjs").trim()))).toBe(true);
  });
});

const page = `
import { HeadwayError, type JobSnapshot, watchJob } from "@headway/client";
import { HeadwayProvider, ImportStepper, useJob, useUpload } from "@headway/client/react";
import { startUpload } from "@headway/client/resumable";
import { shareStreams } from "@headway/client/shared";
import "@headway/client/styles.css";

const transport = shareStreams({ user: "ann" });
const connection = { baseUrl: "https://headway.example.com", transport };

export async function last(jobId: string): Promise<JobSnapshot | undefined> {
  try {
    return await watchJob({ ...connection, kind: "media", jobId }).done;
  } catch (error) {
    if (error instanceof HeadwayError && error.reason === "JOB_NOT_FOUND") return undefined;
    throw error;
  }
}

function Job({ jobId }: { jobId: string }) {
  const { job } = useJob({ jobId, kind: "media" });
  const { upload, paused } = useUpload((options) => startUpload({ ...options, user: "ann" }));
  void upload;
  return job ? <ImportStepper job={job} /> : <p>{paused ?? "…"}</p>;
}

export const Page = () => (
  <HeadwayProvider connection={connection}>
    <Job jobId="j1" />
  </HeadwayProvider>
);
`;

describe("TypeScript finds every entry", () => {
  test.each([
    ["node16", "node16"],
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ])(
    "with module %s and moduleResolution %s",
    (module, moduleResolution) => {
      const compilerOptions = {
        module,
        moduleResolution,
        target: "es2022",
        lib: ["es2023", "dom", "dom.iterable"],
        jsx: "react-jsx",
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        verbatimModuleSyntax: true,
        skipLibCheck: false,
        noEmit: true,
      };
      write({ "page.tsx": page, "tsconfig.json": JSON.stringify({ compilerOptions, files: ["page.tsx"] }) });
      let complaints = "";
      try {
        run(process.execPath, "node_modules/typescript/bin/tsc", "-p", ".");
      } catch (error) {
        complaints = String((error as { stdout?: string }).stdout);
      }
      expect(complaints).toBe("");
    },
    60_000,
  );
});

test("Vite bundles every entry, and the shared worker as a separate script", async () => {
  write({
    "page.tsx": page,
    "main.tsx": `import { createRoot } from "react-dom/client";\nimport { last, Page } from "./page.js";
void last("j1");\ncreateRoot(document.body).render(<Page />);\n`,
    "index.html": '<!doctype html><title>test</title><script type="module" src="./main.tsx"></script>\n',
  });
  await build({ root: project, configFile: false, logLevel: "silent", worker: { format: "es" } });
  const assets = join(project, "dist/assets");
  const files = readdirSync(assets).map((name) => ({ name, text: readFileSync(join(assets, name), "utf8") }));
  expect(files.filter(({ name }) => name.endsWith(".css")).map(({ text }) => text.includes(".headway-bar"))).toEqual([
    true,
  ]);
  const scripts = files.filter(({ name }) => name.endsWith(".js"));
  const worker = scripts.find(({ name }) => name.startsWith("worker-"));
  expect(worker?.text, "the worker accepts tabs").toMatch(/addEventListener\([`"']connect/);
  expect(worker?.text, "the worker needs no other script").not.toMatch(/\bimport\b[^(]*from/);
  expect(scripts.some(({ name, text }) => name !== worker?.name && text.includes(worker?.name ?? "none"))).toBe(true);
}, 60_000);
