// Writes src/openapi.gen.ts from the server's OpenAPI document; with --check it only says whether the file is fresh.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const document = new URL("../../../gen/openapi/headway.openapi.json", import.meta.url);
const target = new URL("../src/openapi.gen.ts", import.meta.url);

const ast = await openapiTS(document, { alphabetize: true, emptyObjectsUnknown: true });
const text = `// Made from gen/openapi/headway.openapi.json by \`npm run generate-types\`. Do not edit.\n\n${astToString(ast)}`;

if (process.argv.includes("--check")) {
  const committed = await readFile(target, "utf8").catch(() => "");
  if (committed !== text) {
    console.error(
      "clients/ts/src/openapi.gen.ts does not match gen/openapi/headway.openapi.json: run `npm run generate-types`.",
    );
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
