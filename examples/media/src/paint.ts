/** The handler of kind `media`. It renders a scene tile by tile, and writes each row of tiles to the job's output as PNG. */
import { setImmediate as breathe } from "node:timers/promises";
import { Failure, type HeldJob, type JsonObject, type KindDescription, type KindField } from "@headway/example-worker";
import { newPng, type PngState, pngBand, pngEnd, pngHead, written } from "./png.js";
import { renderTile } from "./render.js";
import { buildScene, isSceneName, type SceneName, sceneNames } from "./scenes.js";

/** The payload of a job. Every field is optional. */
interface Order {
  /** The scene; `spheres` by default. */
  scene: SceneName;
  /** Pixels, 16 to 2048 each, and at most 1,310,720 together; 640 × 400 by default. */
  width: number;
  height: number;
  /** Rays per pixel, 1 to 256; 16 by default. */
  samples: number;
  /** Selects another picture of the scene, 0 to 2^32-1; 1 by default. */
  seed: number;
}

/** Tells the web UI which form to offer for such jobs. */
export const description: KindDescription = {
  kind: "media",
  title: "Render a picture",
  summary: "Ray tracing that you can watch from the first row to the last.",
  fields: [
    {
      name: "scene",
      label: "Scene",
      type: "KIND_FIELD_TYPE_CHOICE",
      defaultValue: "spheres",
      choices: [
        { value: "spheres", label: "Spheres" },
        { value: "julia", label: "Julia set" },
      ],
    },
    pixels("width", "Width in pixels", 640),
    pixels("height", "Height in pixels", 400),
    {
      name: "samples",
      label: "Rays per pixel",
      type: "KIND_FIELD_TYPE_INTEGER",
      minimum: 1,
      maximum: 256,
      defaultValue: "32",
    },
  ],
};

function pixels(name: string, label: string, value: number): KindField {
  return { name, label, type: "KIND_FIELD_TYPE_INTEGER", minimum: 16, maximum: 2048, defaultValue: String(value) };
}

/** The state that the next attempt needs: the number of written rows of tiles, and the state of the PNG after them. */
interface Checkpoint {
  band: number;
  png: PngState;
}

/** The size of a tile in pixels. The last tile of a row or column can be smaller. */
const tileSize = 16;
const maxPixels = 1_310_720;

/**
 * Renders the picture from the last checkpoint on. The same payload produces the same bytes. So bytes that an attempt wrote
 * after its last checkpoint are written again at the same offset, which changes nothing.
 */
export async function paint(job: HeldJob): Promise<JsonObject> {
  const order = readOrder(job.payload);
  const { width, height } = order;
  const columns = Math.ceil(width / tileSize);
  const bands = Math.ceil(height / tileSize);
  job.plan([
    { name: "scene", title: "Build the scene", weight: 1 },
    { name: "render", title: "Render", weight: 40, total: columns * bands, unit: "tiles" },
    { name: "finish", title: "Complete the picture", weight: 1 },
  ]);
  job.report("Building the scene…", { name: "scene", state: "STEP_STATE_ACTIVE" });
  const scene = buildScene(order.scene, width / height, order.seed);
  let at: Checkpoint = { band: 0, png: newPng };
  if (job.checkpoint.length > 0) at = JSON.parse(job.checkpoint.toString());
  const append = async (data: Buffer, adler?: number) => {
    await job.append(at.png.bytes, data);
    at = { ...at, png: written(at.png, data, adler) };
  };
  if (at.png.bytes === 0) await append(pngHead(width, height));
  job.report(
    "Rendering…",
    { name: "scene", state: "STEP_STATE_COMPLETED" },
    { name: "render", state: "STEP_STATE_ACTIVE" },
  );

  while (at.band < bands) {
    const top = at.band * tileSize;
    const rows = Math.min(tileSize, height - top);
    const band = new Uint8Array(width * rows * 3);
    for (let column = 0; column < columns; column++) {
      renderTile(scene, order, { left: column * tileSize, top, size: tileSize }, band);
      const done = at.band * columns + column + 1;
      job.report(`Row ${at.band + 1} of ${bands}`, {
        name: "render",
        done,
        counters: { rays: done * tileSize ** 2 * order.samples },
      });
      await breathe(); // heartbeats are sent in the meantime
      job.signal.throwIfAborted();
    }
    const { data, adler } = pngBand(band, width, at.png.adler);
    await append(data, adler);
    at = { ...at, band: at.band + 1 };
    job.save(Buffer.from(JSON.stringify(at)));
  }
  job.report(
    "Completing the picture…",
    { name: "render", state: "STEP_STATE_COMPLETED" },
    { name: "finish", state: "STEP_STATE_ACTIVE" },
  );
  await append(pngEnd(at.png.adler));
  job.report("The picture is ready.");
  return {
    contentType: "image/png",
    scene: order.scene,
    width,
    height,
    samples: order.samples,
    seed: order.seed,
    bytes: at.png.bytes,
    crc32: at.png.crc.toString(16).padStart(8, "0"),
  };
}

/** Reads the payload and sets the defaults. An invalid payload stays invalid, so its job is not retried. */
export function readOrder(payload: JsonObject): Order {
  const { scene = "spheres", width = 640, height = 400, samples = 16, seed = 1, ...unknown } = payload;
  const refuse = (message: string) => new Failure("PAYLOAD_INVALID", message, true);
  const whole = (name: string, value: unknown, least: number, most: number): number => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw refuse(`${name} must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
  const [extra] = Object.keys(unknown);
  if (extra !== undefined)
    throw refuse(`Unknown field ${extra}. The payload can have scene, width, height, samples, and seed.`);
  if (!isSceneName(scene)) throw refuse(`scene must be one of ${sceneNames.join(", ")}.`);
  const order: Order = {
    scene,
    width: whole("width", width, 16, 2048),
    height: whole("height", height, 16, 2048),
    samples: whole("samples", samples, 1, 256),
    seed: whole("seed", seed, 0, 2 ** 32 - 1),
  };
  if (order.width * order.height > maxPixels)
    throw refuse(`The limit is ${maxPixels} pixels. Choose a smaller width or height.`);
  return order;
}
