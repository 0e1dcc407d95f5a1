import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Failure, type JsonObject, work } from "@headway/example-worker";
import { ScriptedService } from "@headway/example-worker/scripted-service";
import { loadModel, type Model } from "../src/model.js";
import { description, readOrder, story } from "../src/story.js";

const order = { words: 60, seed: 7, tokensPerSecond: 0, prompt: "The Queen’s café" };

/** Runs one attempt, and returns the appended bytes with their offset. */
async function attempt(payload: JsonObject, outputBytes: number, model?: Model) {
  const scripted = await ScriptedService.start({ payload, outputBytes });
  const stopping = new AbortController();
  const { service, log } = scripted;
  const handler = story(model ?? (await loadModel(undefined)));
  const working = work(service, { description, name: "test", handler, log, signal: stopping.signal });
  await scripted.until(() => scripted.of("completeJob").length > 0);
  stopping.abort();
  await working;
  scripted.stop();
  const appends = scripted.of("appendOutput");
  let end = appends[0]?.offset ?? outputBytes;
  for (const { offset, data } of appends) {
    assert.equal(offset, end, "no gap");
    end += data.length;
  }
  const [completed] = scripted.of("completeJob");
  return { bytes: Buffer.concat(appends.map(({ data }) => data)), appends, result: JSON.parse(completed?.resultJson) };
}

test("a story is written token by token, and its result describes it", async () => {
  const { bytes, appends, result } = await attempt(order, 0);
  const text = bytes.toString();
  assert.ok(text.startsWith("The Queen’s café "), text);
  assert.ok(appends.length > 55, `${appends.length} appends`);
  assert.match(text, /[.!?…]$/);
  assert.equal(result.bytes, bytes.length);
  assert.equal(result.words, text.split(/\s+/).length);
  const other = await attempt({ ...order, seed: 8 }, 0);
  assert.notEqual(other.bytes.toString(), text);
});

test("an attempt continues at any byte, even in the middle of a character", async () => {
  const { bytes } = await attempt(order, 0);
  const within = bytes.indexOf("é") + 1; // the second byte of the letter
  for (const written of [1, 5, within, 40, 41, bytes.length - 1, bytes.length]) {
    const rest = await attempt(order, written);
    assert.equal(rest.bytes.toString("hex"), bytes.subarray(written).toString("hex"), `after ${written} bytes`);
    assert.equal(rest.appends[0]?.offset ?? written, written);
  }
});

test("another model can be plugged in", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "model-")), "model.mjs");
  writeFileSync(
    file,
    `export const createModel = () => ({ async *tokens({ prompt }) { yield ", said " + prompt + "."; } });`,
  );
  const { bytes } = await attempt({ ...order, prompt: "I" }, 0, await loadModel(file));
  assert.equal(bytes.toString(), "I, said I.");
  writeFileSync(file.replace("model.mjs", "none.mjs"), "export default 1;");
  await assert.rejects(loadModel(file.replace("model.mjs", "none.mjs")), /does not export createModel/);
});

test("an invalid payload fails permanently", () => {
  const invalid: JsonObject[] = [
    { words: 9 },
    { words: 2001 },
    { words: 10.5 },
    { words: "10" },
    { seed: -1 },
    { seed: 2 ** 32 },
    { prompt: 1 },
    { prompt: "x".repeat(201) },
    { tokensPerSecond: -1 },
    { tokensPerSecond: 1e6 },
    { word: 10 },
  ];
  for (const payload of invalid) {
    assert.throws(
      () => readOrder(payload, "a"),
      (error) => error instanceof Failure && error.permanent && error.reason === "PAYLOAD_INVALID",
      JSON.stringify(payload),
    );
  }
  assert.notEqual(readOrder({}, "a").seed, readOrder({}, "b").seed);
});
