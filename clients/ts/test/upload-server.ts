import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Handles a request before the server does. It returns true if it has answered. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** A server that implements tus, and calls each interceptor once. */
export class UploadServer {
  uploads = new Map<string, { length: number; bytes: Buffer; metadata: string }>();
  log: string[] = [];
  /** The JSON bodies of requests for imports and previews. */
  mappings: unknown[] = [];
  intercepts: Partial<Record<"POST" | "HEAD" | "PATCH" | "DELETE" | "import" | "preview", Intercept[]>> = {};
  private readonly server = createServer((request, response) => void this.answer(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://server");
    const preview = url.pathname === "/api/v1/previews";
    const making = url.pathname === "/api/v1/imports" || preview;
    const method = preview ? "preview" : making ? "import" : (request.method as "POST" | "HEAD" | "PATCH" | "DELETE");
    const { headers } = request;
    this.log.push(method === "PATCH" ? `PATCH from ${headers["upload-offset"]}` : method);
    response.setHeader("Tus-Resumable", "1.0.0");
    const refuse = (status: number, reason: string) => {
      request.resume();
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ reason, message: reason }));
    };
    if (await this.intercepts[method]?.shift()?.(request, response)) return;
    if (!making && headers["tus-resumable"] !== "1.0.0") return refuse(412, "TUS_VERSION_UNSUPPORTED");

    if (method === "POST") {
      const id = `u${this.uploads.size + 1}`;
      const metadata = String(headers["upload-metadata"]);
      this.uploads.set(id, { length: Number(headers["upload-length"]), bytes: Buffer.alloc(0), metadata });
      const expires = new Date(Date.now() + 86_400_000).toUTCString();
      response.writeHead(201, { Location: `/api/v1/uploads/${id}`, "Upload-Expires": expires }).end();
      return;
    }
    const id = making ? (url.searchParams.get("upload_id") ?? "") : (url.pathname.split("/").pop() ?? "");
    const upload = this.uploads.get(id);
    if (!upload) return refuse(404, "UPLOAD_NOT_FOUND");
    if (making) {
      if (upload.bytes.length < upload.length) return refuse(409, "UPLOAD_INCOMPLETE");
      let body = "";
      for await (const chunk of request) body += chunk;
      if (body) this.mappings.push(JSON.parse(body));
      if (preview) {
        response.writeHead(200).end(JSON.stringify({ preview: { fileName: `preview of ${id}` } }));
        return;
      }
      response.writeHead(202).end(JSON.stringify({ import: { importId: `import of ${id}` } }));
      return;
    }
    if (method === "DELETE") this.uploads.delete(id);
    if (method === "PATCH") {
      if (Number(headers["upload-offset"]) !== upload.bytes.length) return refuse(409, "UPLOAD_OFFSET_MISMATCH");
      for await (const chunk of request) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]);
    }
    response.setHeader("Upload-Offset", upload.bytes.length);
    response.writeHead(method === "HEAD" ? 200 : 204).end();
  }

  /** Reads this number of bytes of a part, and then loses the connection. */
  breakAfter(bytes: number): Intercept {
    return async (request, response) => {
      const upload = [...this.uploads.values()].at(-1);
      for await (const chunk of request) {
        if (upload) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]).subarray(0, bytes);
        if ((upload?.bytes.length ?? 0) >= bytes) break;
      }
      response.destroy();
      return true;
    };
  }

  /** Reads this number of bytes of a part, and does not respond. */
  hold(bytes: number): { reached: Promise<void>; intercept: Intercept } {
    let reach = () => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const intercept: Intercept = async (request) => {
      for await (const chunk of request) {
        const upload = [...this.uploads.values()].at(-1);
        if (upload) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]).subarray(0, bytes);
        if (!upload || upload.bytes.length >= bytes) break;
      }
      reach();
      return true;
    };
    return { reached, intercept };
  }
}

/** Refuses a request. */
export const refuseWith =
  (status: number, reason: string, headers: Record<string, string> = {}): Intercept =>
  (request, response) => {
    request.resume();
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify({ reason, message: reason }));
    return true;
  };
