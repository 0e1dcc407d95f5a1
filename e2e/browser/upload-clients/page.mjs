// The upload clients that run in browsers, with their defaults. They are bundled, and run on an empty page of the server.
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";
import XHRUpload from "@uppy/xhr-upload";
import { Upload } from "tus-js-client";

/**
 * Uploads a file, and returns the address of the upload, or the response.
 * @type {Record<string, (file: File) => Promise<any>>}
 */
const clients = {
  "tus-js-client": (file) =>
    new Promise((resolve, reject) => {
      const upload = new Upload(file, {
        endpoint: "/api/v1/uploads",
        metadata: { filename: file.name, filetype: file.type, on_issues: "skip_rows" },
        onError: reject,
        onSuccess: () => resolve({ upload: upload.url }),
      });
      upload.start();
    }),
  "Uppy, tus": async (file) => {
    const uppy = new Uppy({ meta: { on_issues: "skip_rows" } }).use(Tus, { endpoint: "/api/v1/uploads" });
    const [done] = await finish(uppy, file);
    return { upload: done?.tus?.uploadUrl ?? done?.uploadURL };
  },
  "Uppy, form": async (file) => {
    const uppy = new Uppy({ meta: { on_issues: "skip_rows" } }).use(XHRUpload, { endpoint: "/api/v1/imports" });
    const [done] = await finish(uppy, file);
    return { answer: done?.response?.body };
  },
};

/**
 * @param {any} uppy
 * @param {File} file
 */
async function finish(uppy, file) {
  uppy.addFile({ name: file.name, type: file.type, data: file });
  const { successful, failed } = await uppy.upload();
  if (failed.length > 0) throw new Error(JSON.stringify(failed[0].error ?? failed[0].response));
  return successful;
}

Object.assign(globalThis, { uploadClients: clients });
