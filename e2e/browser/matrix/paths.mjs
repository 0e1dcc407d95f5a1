// The paths between clients and the server: a direct one, and one through each proxy with its configuration in deploy.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, Headway, keyFile } from "../headway.mjs";
import { Relay } from "./relay.mjs";

const key = "a key of this test alone, which is long enough";

/**
 * @typedef {object} Path
 * @property {string} name
 * @property {Headway} headway
 * @property {Relay} relay
 * @property {string} address What clients connect to: the relay.
 * @property {string} certificate The file with the certificate to trust, or "".
 * @property {string} token
 * @property {() => Promise<void>} stop
 */

/**
 * Reads a configuration, and replaces the parts that differ in tests. Each of them must exist.
 * @param {string} file
 * @param {Record<string, string>} replace
 */
function adapted(file, replace) {
  let text = readFileSync(fileURLToPath(new URL(`../../../deploy/${file}`, import.meta.url)), "utf8");
  for (const [from, to] of Object.entries(replace)) {
    if (!text.includes(from)) throw new Error(`deploy/${file} does not contain ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/**
 * Writes a certificate for 127.0.0.1 and its key into a folder.
 * @param {string} folder
 */
export function newCertificate(folder) {
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...args, ...files, ...subject], { stdio: "ignore" });
}

/**
 * @param {string} folder
 * @param {number} port
 * @param {Headway} headway
 * @param {boolean} http2
 */
function nginx(folder, port, headway, http2) {
  const conf = adapted("nginx/headway.conf", {
    "server 127.0.0.1:8080;": `server ${new URL(headway.address).host};`,
    "listen 443 ssl http2;": `listen 127.0.0.1:${port} ssl${http2 ? " http2" : ""};`,
    "server_name headway.example.com;": "server_name 127.0.0.1;",
    "/etc/ssl/headway/": `${folder}/`,
    "/var/log/nginx/headway.log": `${folder}/access.log`,
  });
  writeFileSync(join(folder, "headway.conf"), conf);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  // Only the current user can read the folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(
    join(folder, "nginx.conf"),
    `${user}\npid ${folder}/nginx.pid;\nerror_log ${folder}/error.log;\nworker_processes 1;\nevents { worker_connections 512; }
http {\n${temporary.join("\n")}\ninclude ${folder}/headway.conf;\n}\n`,
  );
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  return spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf"), "-g", "daemon off;"], {
    env,
    stdio: "inherit",
  });
}

/**
 * @param {string} folder
 * @param {number} port
 * @param {Headway} headway
 */
function caddy(folder, port, headway) {
  const site = adapted("caddy/Caddyfile", {
    "headway.example.com {": `https://127.0.0.1:${port} {\n\ttls ${folder}/cert.pem ${folder}/key.pem`,
    "127.0.0.1:8080": new URL(headway.address).host,
  });
  const options = `{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system ${folder}/storage\n\tlog {\n\t\tlevel ERROR\n\t}\n}\n`;
  writeFileSync(join(folder, "Caddyfile"), options + site);
  return spawn("caddy", ["run", "--config", join(folder, "Caddyfile"), "--adapter", "caddyfile"], {
    env: { ...process.env, HOME: folder },
    stdio: ["ignore", "ignore", "ignore"],
  });
}

export const pathNames = /** @type {const} */ (["directly", "nginx, HTTP/1.1", "nginx, HTTP/2", "Caddy, HTTP/2"]);

/**
 * Starts a server, a proxy in front of it, and a relay in front of both.
 * @param {typeof pathNames[number]} name
 * @returns {Promise<Path>}
 */
export async function startPath(name) {
  const headway = await Headway.start("--keepalive=2s", "--retry=1s", keyFile(key));
  const folder = mkdtempSync(join(tmpdir(), "headway-matrix-"));
  const direct = name === "directly";
  let port = Number(new URL(headway.address).port);
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let proxy;
  if (!direct) {
    newCertificate(folder);
    port = await freePort();
    proxy = name.startsWith("nginx") ? nginx(folder, port, headway, name.endsWith("2")) : caddy(folder, port, headway);
    await listening(port);
  }
  const relay = await Relay.start(port);
  return {
    name,
    headway,
    relay,
    address: `${direct ? "http" : "https"}://127.0.0.1:${relay.port}`,
    certificate: direct ? "" : join(folder, "cert.pem"),
    token: headway.token("ann", key),
    stop: async () => {
      relay.stop();
      if (proxy && proxy.exitCode === null) {
        const ended = once(proxy, "exit");
        proxy.kill("SIGTERM");
        await ended;
      }
      await headway.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Waits until something listens on a port.
 * @param {number} port
 */
async function listening(port) {
  const { connect } = await import("node:net");
  for (const end = Date.now() + 20_000; ; ) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    if (Date.now() > end) throw new Error(`nothing listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
