/** Renders a scene to pixels. */
import type { Scene } from "./scenes.js";

/** Random numbers between 0 and 1 that depend only on the seed (mulberry32). */
export type Chances = () => number;

export function chances(seed: number): Chances {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Mixes integers into one, so that close inputs have unrelated results. */
export function mix(a: number, b: number, c: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ b, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16) ^ c, 0x27d4eb2f);
  return h ^ (h >>> 15);
}

/**
 * Renders one tile into its band, which has whole rows of the picture from the top of the tile on. Each pixel has its own
 * random numbers, so it is the same for every worker and in any order.
 */
export function renderTile(
  scene: Scene,
  picture: { width: number; height: number; samples: number; seed: number },
  tile: { left: number; top: number; size: number },
  band: Uint8Array,
): void {
  const { width, height, samples, seed } = picture;
  const right = Math.min(tile.left + tile.size, width);
  const bottom = Math.min(tile.top + tile.size, height);
  const color = new Float64Array(3);
  const sum = new Float64Array(3);
  for (let y = tile.top; y < bottom; y++) {
    for (let x = tile.left; x < right; x++) {
      const random = chances(mix(seed, x, y));
      sum.fill(0);
      for (let n = 0; n < samples; n++) {
        // From -1 to 1 over the picture, upwards, at a random position in the pixel.
        scene(2 * ((x + random()) / width) - 1, 1 - 2 * ((y + random()) / height), random, color);
        for (let c = 0; c < 3; c++) sum[c] = (sum[c] ?? 0) + Math.min(color[c] ?? 0, 4);
      }
      const at = ((y - tile.top) * width + x) * 3;
      for (let c = 0; c < 3; c++) band[at + c] = toByte((sum[c] ?? 0) / samples);
    }
  }
}

/** Tone mapping for screens: bright parts are compressed, and then the sRGB curve is approximated. */
function toByte(light: number): number {
  const shown = light < 0.7 ? light : 0.7 + 0.3 * (1 - Math.exp((0.7 - light) / 0.3));
  return Math.round(255 * Math.min(Math.max(shown, 0), 1) ** (1 / 2.2));
}
