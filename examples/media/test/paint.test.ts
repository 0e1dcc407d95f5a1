import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { Failure, type JsonObject, work } from "@headway/example-worker";
import { ScriptedService } from "@headway/example-worker/scripted-service";
import { description, paint, readOrder } from "../src/paint.js";
import { renderTile } from "../src/render.js";
import { buildScene, sceneNames } from "../src/scenes.js";
import { readPng } from "./read-png.js";

const order = { scene: "spheres", width: 70, height: 50, samples: 2, seed: 3 };

/** Paints until `over` is true, and returns the bytes at their offsets, as the service stores them. */
async function painted(scripted: ScriptedService, over: () => boolean): Promise<Buffer> {
  const stopping = new AbortController();
  const { service, log } = scripted;
  const working = work(service, { description, name: "test", handler: paint, log, signal: stopping.signal });
  await scripted.until(over);
  stopping.abort();
  await working;
  scripted.stop();
  const file: Buffer[] = [];
  for (const { offset, data } of scripted.of("appendOutput")) {
    assert.equal(
      offset,
      file.reduce((sum, piece) => sum + piece.length, scripted.of("appendOutput")[0]?.offset),
      "no gap",
    );
    file.push(data);
  }
  return Buffer.concat(file);
}

test("a picture is complete, and its result describes it", async () => {
  const scripted = await ScriptedService.start({ payload: order });
  const file = await painted(scripted, () => scripted.of("completeJob").length > 0);
  const { width, height, rgb } = readPng(file);
  assert.deepEqual([width, height], [70, 50]);
  assert.ok(new Set(rgb).size > 60, "the picture has many colors");
  const result = JSON.parse(scripted.of("completeJob")[0]?.resultJson);
  assert.equal(result.bytes, file.length);
  assert.equal(result.crc32, crc32(file).toString(16).padStart(8, "0"));
  const plan = scripted.of("heartbeat").find((beat) => beat.plan.length)?.plan;
  assert.equal(plan[1].total, 5 * 4, "tiles");
});

test("from any checkpoint on, another worker writes the missing part, byte for byte", async () => {
  const whole = await ScriptedService.start({ payload: order });
  const file = await painted(whole, () => whole.of("completeJob").length > 0);

  // All checkpoints, from a run that saves each of them.
  const checkpoints: Buffer[] = [];
  const noted = await ScriptedService.start({ payload: order });
  noted.answer = (method, request) => {
    if (method === "heartbeat" && request.checkpoint?.length) checkpoints.push(request.checkpoint);
    return undefined;
  };
  await painted(noted, () => noted.of("completeJob").length > 0);
  assert.ok(checkpoints.length > 0);
  for (const checkpoint of checkpoints) {
    const { png } = JSON.parse(checkpoint.toString());
    const rest = await ScriptedService.start({ payload: order, checkpoint });
    const tail = await painted(rest, () => rest.of("completeJob").length > 0);
    assert.ok(tail.equals(file.subarray(png.bytes)), `from byte ${png.bytes}`);
    assert.equal(rest.of("completeJob")[0]?.resultJson, whole.of("completeJob")[0]?.resultJson);
  }
});

test("a pixel is the same for every worker and in any order", () => {
  for (const name of sceneNames) {
    const picture = { width: 48, height: 16, samples: 2, seed: 9 };
    const render = (lefts: number[]) => {
      const band = new Uint8Array(48 * 16 * 3);
      const scene = buildScene(name, 3, 9);
      for (const left of lefts) renderTile(scene, picture, { left, top: 0, size: 16 }, band);
      return band;
    };
    assert.deepEqual(render([0, 16, 32]), render([32, 0, 16]), name);
    assert.notDeepEqual(render([0, 16, 32]), new Uint8Array(48 * 16 * 3), name);
  }
});

test("a payload gets its defaults, or is rejected permanently", () => {
  assert.deepEqual(readOrder({}), { scene: "spheres", width: 640, height: 400, samples: 16, seed: 1 });
  const wrong: JsonObject[] = [
    { scene: "moon" },
    { width: 15 },
    { width: 16.5 },
    { height: "400" },
    { width: 2048, height: 2048 },
    { samples: 0 },
    { seed: -1 },
    { seed: null },
    { colour: "blue" },
  ];
  for (const payload of wrong) {
    assert.throws(
      () => readOrder(payload),
      (error) => error instanceof Failure && error.permanent && error.reason === "PAYLOAD_INVALID",
      JSON.stringify(payload),
    );
  }
});
