// Uploads a file with tus-js-client: node tus-js-client.mjs ENDPOINT FILE TOKEN. It prints the progress in bytes, and at the end the
// address of the upload.
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Upload } from "tus-js-client";

const [endpoint, file, token] = process.argv.slice(2);
const upload = new Upload(readFileSync(file), {
  endpoint,
  chunkSize: 128 << 10,
  parallelUploads: 3,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: "sample.xlsx" },
  onBeforeRequest: () => setTimeout(100), // a slow line, so that there is time to restart edges
  onProgress: (sent) => console.log(sent),
  onError: (error) => {
    console.error(error);
    process.exit(1);
  },
  onSuccess: () => console.log(upload.url),
});
upload.start();
