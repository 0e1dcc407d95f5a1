import { type Chances, chances } from "../render.js";
import type { Scene } from "../scenes.js";

type Vector = [x: number, y: number, z: number];

interface Ball {
  center: Vector;
  radius: number;
  color: Vector;
  /** How the surface reflects light: chalk scatters it, metal mirrors it (more or less sharply), and glass bends it. */
  surface: "chalk" | "metal" | "glass";
  rough: number;
}

const maxBounces = 6;
const glassIndex = 1.5;
/** Hits that are closer than this are on the surface that the ray starts from. */
const tiny = 1e-4;

/** Spheres on a checkered floor under an evening sky, by path tracing: each ray follows light back to its source. */
export function spheres(aspect: number, seed: number): Scene {
  const balls = placeBalls(chances(seed));
  // Flat arrays, because nearly all of the time is spent on finding the nearest ball.
  const geometry = Float64Array.from(balls.flatMap(({ center, radius }) => [...center, radius * radius]));

  const eye: Vector = [0, 1.7, 6.5];
  const down = -0.17;
  const lens = Math.tan((38 / 360) * Math.PI);

  /** Returns the distance to the nearest ball and its index; Infinity and -1 if there is none. */
  const hit = { far: 0, ball: -1 };
  const nearest = (ox: number, oy: number, oz: number, dx: number, dy: number, dz: number) => {
    hit.far = Number.POSITIVE_INFINITY;
    hit.ball = -1;
    for (let i = 0; i < geometry.length; i += 4) {
      const px = ox - (geometry[i] as number);
      const py = oy - (geometry[i + 1] as number);
      const pz = oz - (geometry[i + 2] as number);
      const half = px * dx + py * dy + pz * dz;
      const disc = half * half - (px * px + py * py + pz * pz - (geometry[i + 3] as number));
      if (disc <= 0) continue;
      const root = Math.sqrt(disc);
      const t = -half - root > tiny ? -half - root : -half + root;
      if (t > tiny && t < hit.far) {
        hit.far = t;
        hit.ball = i / 4;
      }
    }
  };

  /** Returns the sunlight on a matte surface: none in the shadow. The sun is not a point, so shadows have soft edges. */
  const sunlight = (
    ox: number,
    oy: number,
    oz: number,
    nx: number,
    ny: number,
    nz: number,
    random: Chances,
  ): number => {
    const [sx, sy, sz] = unit([
      sun[0] + 0.05 * (random() - 0.5),
      sun[1] + 0.05 * (random() - 0.5),
      sun[2] + 0.05 * (random() - 0.5),
    ]);
    const cos = nx * sx + ny * sy + nz * sz;
    if (cos <= 0) return 0;
    nearest(ox, oy, oz, sx, sy, sz);
    return hit.ball < 0 ? 1.5 * cos : 0;
  };

  return (x, y, random, out) => {
    let [ox, oy, oz] = eye;
    const up = y * lens;
    let [dx, dy, dz] = unit([
      x * lens * aspect,
      up * Math.cos(down) + Math.sin(down),
      -Math.cos(down) + up * Math.sin(down),
    ]);
    let [r, g, b] = [1, 1, 1]; // the remaining share of the light
    let mirrored = true; // not scattered so far
    out.fill(0);
    for (let bounce = 0; bounce <= maxBounces; bounce++) {
      nearest(ox, oy, oz, dx, dy, dz);
      const { far } = hit;
      const ball = balls[hit.ball];
      const floor = dy < 0 ? -oy / dy : Number.POSITIVE_INFINITY;
      if (floor > tiny && floor < far) {
        ox += floor * dx;
        oy = 0;
        oz += floor * dz;
        const fade = Math.exp(-0.006 * (ox * ox + oz * oz));
        const square = (Math.floor(ox) + Math.floor(oz)) & 1 ? 0.7 : 0.16;
        const tone = 0.4 + (square - 0.4) * fade; // distant squares blur
        r *= tone;
        g *= tone * 0.97;
        b *= tone * 0.92;
        addSun(sunlight(ox, oy, oz, 0, 1, 0, random), r, g, b, out);
        [dx, dy, dz] = scatter(0, 1, 0, random);
        mirrored = false;
        continue;
      }
      if (!ball) {
        addSky(dx, dy, dz, r, g, b, mirrored, out);
        return;
      }
      ox += far * dx;
      oy += far * dy;
      oz += far * dz;
      let nx = (ox - ball.center[0]) / ball.radius;
      let ny = (oy - ball.center[1]) / ball.radius;
      let nz = (oz - ball.center[2]) / ball.radius;
      let cos = dx * nx + dy * ny + dz * nz;
      const inside = cos > 0;
      if (inside) [nx, ny, nz, cos] = [-nx, -ny, -nz, -cos];
      r *= ball.color[0];
      g *= ball.color[1];
      b *= ball.color[2];
      if (ball.surface === "chalk") {
        addSun(sunlight(ox, oy, oz, nx, ny, nz, random), r, g, b, out);
        [dx, dy, dz] = scatter(nx, ny, nz, random);
        mirrored = false;
        continue;
      }
      if (ball.surface === "glass") {
        const ratio = inside ? glassIndex : 1 / glassIndex;
        const sin2 = ratio * ratio * (1 - cos * cos);
        const r0 = ((1 - glassIndex) / (1 + glassIndex)) ** 2;
        if (sin2 <= 1 && random() >= r0 + (1 - r0) * (1 + cos) ** 5) {
          const k = -ratio * cos - Math.sqrt(1 - sin2);
          [dx, dy, dz] = unit([ratio * dx + k * nx, ratio * dy + k * ny, ratio * dz + k * nz]);
          continue;
        }
      }
      const [sx, sy, sz] = scatter(nx, ny, nz, random);
      [dx, dy, dz] = unit([
        dx - 2 * cos * nx + ball.rough * sx,
        dy - 2 * cos * ny + ball.rough * sy,
        dz - 2 * cos * nz + ball.rough * sz,
      ]);
    }
  };
}

/** Three large balls, and as many small ones as fit between them. */
function placeBalls(random: Chances): Ball[] {
  const balls: Ball[] = [
    { center: [0, 1, 0], radius: 1, color: [0.97, 0.98, 1], surface: "glass", rough: 0 },
    { center: [-2.15, 1, -1], radius: 1, color: [0.85, 0.33, 0.2], surface: "chalk", rough: 0 },
    { center: [2.15, 1, -0.7], radius: 1, color: [0.9, 0.74, 0.46], surface: "metal", rough: 0.03 },
  ];
  for (let tries = 0; tries < 400 && balls.length < 48; tries++) {
    const radius = 0.12 + 0.22 * random();
    const center: Vector = [-4.5 + 9 * random(), radius, -4.5 + 8 * random()];
    const free = balls.every((other) => Math.hypot(...minus(center, other.center)) > radius + other.radius + 0.03);
    const kind = random();
    const hue = random();
    if (!free) continue;
    const surface = kind < 0.6 ? "chalk" : kind < 0.88 ? "metal" : "glass";
    const color = surface === "glass" ? ([0.98, 0.98, 0.98] as Vector) : fromHue(hue, surface === "metal" ? 0.3 : 0.7);
    balls.push({ center, radius, color, surface, rough: 0.25 * random() });
  }
  return balls;
}

const sun = unit([0.62, 0.5, 0.3]);

function addSun(light: number, r: number, g: number, b: number, out: Float64Array): void {
  out[0] = (out[0] as number) + light * r;
  out[1] = (out[1] as number) + light * g * 0.82;
  out[2] = (out[2] as number) + light * b * 0.6;
}

/** The sky: warm at the horizon, deep above. The disc of the sun is visible directly and in mirrors only. */
function addSky(dx: number, dy: number, dz: number, r: number, g: number, b: number, seen: boolean, out: Float64Array) {
  const height = Math.sqrt(Math.max(dy, 0));
  const toward = Math.max(0, dx * sun[0] + dy * sun[1] + dz * sun[2]);
  const warm = 0.3 * toward ** 6 + (seen && toward > 0.9985 ? 8 : 0);
  out[0] = (out[0] as number) + r * (0.9 - 0.72 * height + warm);
  out[1] = (out[1] as number) + g * (0.68 - 0.36 * height + 0.75 * warm);
  out[2] = (out[2] as number) + b * (0.6 + 0.14 * height + 0.5 * warm);
}

/** Returns a random direction away from a matte surface, mostly along its normal (Lambert). */
function scatter(nx: number, ny: number, nz: number, random: Chances): Vector {
  const z = 2 * random() - 1;
  const turn = 2 * Math.PI * random();
  const flat = Math.sqrt(1 - z * z);
  return unit([nx + flat * Math.cos(turn), ny + flat * Math.sin(turn) + 1e-9, nz + z]);
}

function unit([x, y, z]: Vector): Vector {
  const length = Math.sqrt(x * x + y * y + z * z) || 1;
  return [x / length, y / length, z / length];
}

const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

/** A color of the color wheel, from 0 to 1, with a saturation. */
function fromHue(hue: number, strength: number): Vector {
  const part = (shift: number) => 0.9 * (1 - strength + strength * (0.5 + 0.5 * Math.cos(2 * Math.PI * (hue + shift))));
  return [part(0), part(1 / 3), part(2 / 3)];
}
