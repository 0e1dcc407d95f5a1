// Writes src/rest/openapi.gen.ts from the server's OpenAPI document; `make check-generate` reports whether it is up to date.
import { writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const document = new URL("../../../gen/openapi/headway.openapi.json", import.meta.url);
const target = new URL("../src/rest/openapi.gen.ts", import.meta.url);

const ast = await openapiTS(document, { alphabetize: true, emptyObjectsUnknown: true });
await writeFile(
  target,
  `// Made from gen/openapi/headway.openapi.json by \`npm run generate-types\`. Do not edit.\n\n${astToString(ast)}`,
);
