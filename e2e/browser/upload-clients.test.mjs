// Uploads by clients of other projects, with their defaults, directly and through nginx.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Upload } from "tus-js-client";
import { build } from "vite";
import { launch } from "./chromium.mjs";
import { startPath } from "./matrix/paths.mjs";

const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));
const run = promisify(execFile);
const name = "Löhne 2026.xlsx";

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {string} The script with the browser clients. */
let script;
before(async () => {
  browser = await launch();
  const built = await build({
    configFile: false,
    logLevel: "silent",
    build: { write: false, lib: { entry: here("./upload-clients/page.mjs"), formats: ["iife"], name: "unused" } },
  });
  script = /** @type {any} */ (built)[0].output[0].code;
});
after(() => browser?.close());

for (const pathName of /** @type {const} */ (["directly", "nginx, HTTP/1.1", "nginx, HTTP/2"])) {
  describe(`an upload ${pathName === "directly" ? pathName : `through ${pathName}`}`, () => {
    /** @type {import("./matrix/paths.mjs").Path} */
    let path;
    /** @type {string} */
    let workbook;
    /** @type {import("playwright-core").BrowserContext} */
    let context;
    before(async () => {
      path = await startPath(pathName);
      const sample = path.headway.sample(20_000, 12);
      workbook = join(dirname(sample), name);
      renameSync(sample, workbook);
      context = await browser.newContext({ ignoreHTTPSErrors: true });
      const signIn = { headers: { Authorization: `Bearer ${path.token}`, Origin: path.address } };
      await context.request.post(`${path.address}/api/v1/session`, signIn);
      await context.route("**/empty", (route) =>
        route.fulfill({ contentType: "text/html; charset=utf-8", body: "<title>empty</title><body></body>" }),
      );
    });
    after(async () => {
      await context?.close();
      await path?.stop();
    });

    /**
     * Checks the response with an accepted import.
     * @param {any} answer
     */
    const assertAccepted = (answer, fileName = name) => {
      assert.ok(answer?.import, JSON.stringify(answer));
      const { sizeBytes, onIssues } = answer.import;
      assert.deepEqual(
        { sizeBytes, onIssues, fileName: answer.import.fileName },
        { sizeBytes: statSync(workbook).size, onIssues: "skip_rows", fileName },
      );
    };

    /**
     * Runs curl as a user does, with the certificate of the proxy, and returns the status and the response.
     * @param {string[]} args
     */
    const curl = async (...args) => {
      const version = pathName.endsWith("2") ? "--http2" : "--http1.1";
      const trust = path.certificate ? ["--cacert", path.certificate, version] : [];
      const authorization = ["-H", `Authorization: Bearer ${path.token}`];
      const { stdout } = await run("curl", ["-sS", ...trust, ...authorization, "-w", "\n%{http_code}", ...args]);
      const end = stdout.lastIndexOf("\n");
      return { status: Number(stdout.slice(end + 1)), answer: JSON.parse(stdout.slice(0, end)) };
    };

    /**
     * Imports a complete tus upload.
     * @param {string} address
     */
    const importUpload = async (address) => {
      const id = address.split("/").at(-1);
      const { status, answer } = await curl("-X", "POST", `${path.address}/api/v1/imports?upload_id=${id}`);
      assert.equal(status, 202, JSON.stringify(answer));
      assertAccepted(answer);
    };

    for (const client of ["tus-js-client", "Uppy, tus", "Uppy, form"]) {
      test(`of ${client} in a browser`, async () => {
        const page = await context.newPage();
        await page.goto(`${path.address}/empty`);
        await page.addScriptTag({ content: script });
        await page.evaluate(() => {
          document.body.append(Object.assign(document.createElement("input"), { type: "file" }));
        });
        await page.locator("input").setInputFiles(workbook);
        const { upload, answer } = await page.evaluate((client) => {
          const { files } = /** @type {HTMLInputElement} */ (document.querySelector("input"));
          return /** @type {any} */ (globalThis).uploadClients[client](files?.[0]);
        }, client);
        if (answer) assertAccepted(answer);
        else await importUpload(upload);
        await page.close();
      });
    }

    test("of a plain form", async () => {
      const page = await context.newPage();
      await page.goto(`${path.address}/empty`);
      await page.evaluate(() => {
        document.body.innerHTML = `<form method="post" enctype="multipart/form-data" action="/api/v1/imports">
          <select name="on_issues"><option>skip_rows</option></select>
          <input name="workbook" type="file"><button name="go" value="1">Upload</button></form>`;
      });
      await page.locator("input").setInputFiles(workbook);
      const answered = page.waitForResponse(/api\/v1\/imports/);
      await page.getByRole("button", { name: "Upload" }).click();
      const response = await answered;
      assert.equal(response.status(), 202);
      assertAccepted(await response.json());
      await page.close();
    });

    test("of curl as a form", async () => {
      const { status, answer } = await curl("-F", "on_issues=skip_rows", "-F", `file=@${workbook}`, imports());
      assert.equal(status, 202, JSON.stringify(answer));
      assertAccepted(answer);
    });

    test("of curl as a body", async () => {
      const query = new URLSearchParams({ on_issues: "skip_rows", file_name: name });
      const { status, answer } = await curl("--data-binary", `@${workbook}`, `${imports()}?${query}`);
      assert.equal(status, 202, JSON.stringify(answer));
      assertAccepted(answer);
    });

    test("of curl as a file", async () => {
      const query = new URLSearchParams({ on_issues: "skip_rows", file_name: name });
      const { status, answer } = await curl("-X", "POST", "-T", workbook, `${imports()}?${query}`);
      assert.equal(status, 202, JSON.stringify(answer));
      assertAccepted(answer);
    });

    test("of curl as a file with PUT is refused, and the response states how to send it", async () => {
      const { status, answer } = await curl("-T", workbook, imports());
      assert.equal(status, 405, JSON.stringify(answer));
      assert.match(answer.message, /POST/);
    });

    test("of tuspy", async () => {
      const endpoint = `${path.address}/api/v1/uploads`;
      const env = { ...process.env, ...(path.certificate && { REQUESTS_CA_BUNDLE: path.certificate }) };
      const args = [here("./upload-clients/tuspy_upload.py"), endpoint, workbook, name, path.token];
      const { stdout } = await run("/usr/bin/python3", args, { env });
      await importUpload(stdout.trim());
    });

    const imports = () => `${path.address}/api/v1/imports`;
  });
}

describe("an upload of tus-js-client on Node", () => {
  test("directly", async () => {
    const path = await startPath("directly");
    try {
      const workbook = path.headway.sample(20_000, 0);
      const headers = { Authorization: `Bearer ${path.token}` };
      /** @type {string} */
      const address = await new Promise((resolve, reject) => {
        const upload = new Upload(createReadStream(workbook), {
          endpoint: `${path.address}/api/v1/uploads`,
          uploadSize: statSync(workbook).size,
          chunkSize: Number.POSITIVE_INFINITY,
          headers,
          onError: reject,
          onSuccess: () => resolve(/** @type {string} */ (upload.url)),
        });
        upload.start();
      });
      const id = address.split("/").at(-1);
      const response = await fetch(`${path.address}/api/v1/imports?upload_id=${id}`, { method: "POST", headers });
      assert.equal(response.status, 202, await response.text());
    } finally {
      await path.stop();
    }
  });
});
