import { chances } from "../render.js";
import type { Scene } from "../scenes.js";

const maxTurns = 400;

/** A Julia set: how fast z → z² + c escapes, for a c at the edge of the Mandelbrot set, colored smoothly. */
export function julia(aspect: number, seed: number): Scene {
  const random = chances(seed);
  // Just outside the main cardioid, where the sets are most detailed.
  const angle = (0.15 + 0.3 * random()) * Math.PI * 2;
  const radius = 1.01 + 0.03 * random();
  const cx = radius * (0.5 * Math.cos(angle) - 0.25 * Math.cos(2 * angle));
  const cy = radius * (0.5 * Math.sin(angle) - 0.25 * Math.sin(2 * angle));
  const tilt = random() * Math.PI;
  const hue = random();
  const [cos, sin] = [Math.cos(tilt), Math.sin(tilt)];

  return (x, y, _random, out) => {
    let zx = 1.15 * (x * aspect * cos - y * sin);
    let zy = 1.15 * (x * aspect * sin + y * cos);
    let nearest = Number.POSITIVE_INFINITY;
    let turn = 0;
    let size = zx * zx + zy * zy;
    for (; turn < maxTurns && size < 256; turn++) {
      const next = zx * zx - zy * zy + cx;
      zy = 2 * zx * zy + cy;
      zx = next;
      size = zx * zx + zy * zy;
      nearest = Math.min(nearest, size);
    }
    if (turn === maxTurns) {
      // Inside: dark, with an orbit trap at the origin.
      const glow = 0.25 * Math.exp(-6 * nearest);
      out[0] = glow;
      out[1] = glow * 0.6;
      out[2] = glow * 0.9;
      return;
    }
    const smooth = turn + 1 - Math.log2(Math.log2(size) / 2);
    const shade = Math.log1p(smooth) / 3;
    for (let c = 0; c < 3; c++) {
      const wave = 0.5 + 0.5 * Math.cos(2 * Math.PI * (shade * 1.4 + hue + c * 0.11));
      out[c] = wave ** 2 * Math.min(1, smooth / 6);
    }
  };
}
