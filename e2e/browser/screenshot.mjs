// Takes the screenshot docs/page.png of the real program, in the middle of an import. Run `make build`, and then `npm run
// screenshot`.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch } from "./chromium.mjs";
import { Headway } from "./headway.mjs";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const headway = await Headway.start();
const browser = await launch();
try {
  const run = (/** @type {string[]} */ ...args) => execFileSync(path("bin/headway"), args, { encoding: "utf8" }).trim();
  const file = `${headway.data}/workforce-sample.xlsx`;
  run("sample", "--rows=100000", "--issues=80", `--output=${file}`);
  const token = run("token", "--sub=ann", `--data=${headway.data}`);
  const headers = { Authorization: `Bearer ${token}`, Origin: headway.address };
  const context = await browser.newContext({ viewport: { width: 1200, height: 1000 } });
  await context.request.post(`${headway.address}/api/v1/session`, { headers });
  const page = await context.newPage();
  await page.goto(headway.address);
  const form = new FormData();
  form.set("on_issues", "review");
  form.set("file", new File([readFileSync(file)], "workforce-sample.xlsx"));
  const accepted = await fetch(`${headway.address}/api/v1/imports`, { method: "POST", headers, body: form });
  const { import: imported } = await accepted.json();
  await page.goto(`${headway.address}/imports/${imported.importId}`);
  await page
    .getByText(/\d,\d{3} rows/)
    .first()
    .waitFor();
  await page.screenshot({ path: path("docs/page.png") });
} finally {
  await browser.close();
  await headway.kill();
}
