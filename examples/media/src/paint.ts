/** The handler of kind `media`: renders a scene tile by tile, and writes each row of tiles to the job's output as PNG. */
import { setImmediate as breathe } from "node:timers/promises";
import { newPng, type PngState, pngBand, pngEnd, pngHead, written } from "./png.js";
import { renderTile } from "./render.js";
import { buildScene, isSceneName, type SceneName, sceneNames } from "./scenes.js";
import type { JsonObject } from "./struct.js";
import { Failure, type HeldJob } from "./worker.js";

/** A job's payload. All of it may be left out. */
interface Order {
  /** What is to be seen; `spheres` if left out. */
  scene: SceneName;
  /** Pixels, 16 to 2048 each and at most 1,310,720 together; 640 × 400 if left out. */
  width: number;
  height: number;
  /** Rays through each pixel: 1 to 256; 16 if left out. */
  samples: number;
  /** Another seed gives another picture of the scene: 0 to 2^32-1; 1 if left out. */
  seed: number;
}

/** What the next attempt needs: the rows of tiles that are written, and where the PNG stands behind them. */
interface Checkpoint {
  band: number;
  png: PngState;
}

/** A tile's sides in pixels. The last ones of a row or column may be smaller. */
const tileSize = 16;
const mostPixels = 1_310_720;

/**
 * Renders the picture from where the last checkpoint was made. The same order gives the same bytes, so what an attempt
 * wrote behind its last checkpoint is written once more, at the same place, and that is harmless.
 */
export async function paint(job: HeldJob): Promise<JsonObject> {
  const order = readOrder(job.payload);
  const { width, height } = order;
  const columns = Math.ceil(width / tileSize);
  const bands = Math.ceil(height / tileSize);
  job.plan([
    { name: "scene", title: "Build the scene", weight: 1 },
    { name: "render", title: "Render", weight: 40, total: columns * bands, unit: "tiles" },
    { name: "finish", title: "Close the picture", weight: 1 },
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
      await breathe(); // heartbeats are sent meanwhile
      job.signal.throwIfAborted();
    }
    const { data, adler } = pngBand(band, width, at.png.adler);
    await append(data, adler);
    at = { ...at, band: at.band + 1 };
    job.save(Buffer.from(JSON.stringify(at)));
  }
  job.report(
    "Closing the picture…",
    { name: "render", state: "STEP_STATE_COMPLETED" },
    { name: "finish", state: "STEP_STATE_ACTIVE" },
  );
  await append(pngEnd(at.png.adler));
  job.report("The picture is there.");
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

/** Reads the payload and fills in the defaults. A payload that is wrong today is wrong tomorrow: no retry. */
export function readOrder(payload: JsonObject): Order {
  const { scene = "spheres", width = 640, height = 400, samples = 16, seed = 1, ...unknown } = payload;
  const refuse = (sentence: string) => new Failure("PAYLOAD_INVALID", sentence, true);
  const whole = (name: string, value: unknown, least: number, most: number): number => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw refuse(`${name} must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined)
    throw refuse(`The payload may hold scene, width, height, samples and seed, but no ${stranger}.`);
  if (!isSceneName(scene)) throw refuse(`scene must be one of ${sceneNames.join(", ")}.`);
  const order: Order = {
    scene,
    width: whole("width", width, 16, 2048),
    height: whole("height", height, 16, 2048),
    samples: whole("samples", samples, 1, 256),
    seed: whole("seed", seed, 0, 2 ** 32 - 1),
  };
  if (order.width * order.height > mostPixels) throw refuse(`A picture may have at most ${mostPixels} pixels.`);
  return order;
}
