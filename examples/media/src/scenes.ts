/** The scenes. Each is a function from a position in the picture to light. */

import type { Chances } from "./render.js";
import { julia } from "./scenes/julia.js";
import { spheres } from "./scenes/spheres.js";

/** Writes the light of a position (x and y from -1 to 1) to `out`: red, green, blue, where 1 is white. */
export type Scene = (x: number, y: number, random: Chances, out: Float64Array) => void;

const builders = { spheres, julia } satisfies Record<string, (aspect: number, seed: number) => Scene>;

export type SceneName = keyof typeof builders;
export const sceneNames = Object.keys(builders) as SceneName[];
export const isSceneName = (name: unknown): name is SceneName => sceneNames.some((known) => known === name);

/** Builds a scene for an aspect ratio (width / height). The same seed builds the same scene. */
export const buildScene = (name: SceneName, aspect: number, seed: number): Scene => builders[name](aspect, seed);
