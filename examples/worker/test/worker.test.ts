import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { Service, tokenFromEnvironment } from "../src/service.js";
import { Failure, type Handler, type HeldJob, work } from "../src/worker.js";
import { refusal, ScriptedService } from "./scripted-service.js";

const description = { kind: "media", title: "Test" };

/** Runs the worker until the service has received what `over` waits for, and then until it has ended. */
async function run(scripted: ScriptedService, handler: Handler, over: string | (() => boolean)): Promise<void> {
  const stopping = new AbortController();
  const { service, log } = scripted;
  const working = work(service, { description, name: "test", handler, log, signal: stopping.signal });
  await Promise.race([working, scripted.until(typeof over === "string" ? () => scripted.of(over).length > 0 : over)]);
  stopping.abort();
  await working;
  scripted.stop();
}

/** A handler that runs until it is stopped. */
const endless =
  (begun: (job: HeldJob) => void): Handler =>
  (job) => {
    begun(job);
    return new Promise((_, reject) => {
      job.signal.addEventListener("abort", () => reject(job.signal.reason), { once: true });
    });
  };

test("plan, progress, checkpoint, and result are sent with the lease and the token", async () => {
  const scripted = await ScriptedService.start({
    payload: { deep: { list: [1, "two", true, null] } },
    checkpoint: Buffer.from("before"),
  });
  await run(
    scripted,
    async (job) => {
      assert.deepEqual(job.payload, { deep: { list: [1, "two", true, null] } });
      assert.equal(job.checkpoint.toString(), "before");
      job.plan([{ name: "render", total: 2 }]);
      job.report("Half…", { name: "render", state: "STEP_STATE_ACTIVE", done: 1 });
      job.save(Buffer.from("half"));
      await job.append(0, Buffer.alloc(300_000, 1));
      await scripted.until(() => scripted.of("heartbeat").some((beat) => beat.checkpoint?.toString() === "half"));
      job.report("Done.", { name: "render", done: 2 });
      return { nested: { ok: true }, numbers: [1, 2.5] };
    },
    "completeJob",
  );
  const first = scripted.of("heartbeat").find((beat) => beat.plan.length > 0);
  assert.equal(first?.plan[0].total, 2);
  assert.equal(first?.leaseToken, "lease-0");
  const [completed] = scripted.of("completeJob");
  assert.equal(JSON.parse(completed?.resultJson).nested.ok, true);
  assert.deepEqual(
    scripted.of("appendOutput").map(({ offset, data }) => [offset, data.length]),
    [
      [0, 262_144],
      [262_144, 37_856],
    ],
  );
  assert.ok(scripted.calls.every(({ token }) => token === "Bearer a token"));
});

test("unsent progress is sent again, with the latest values", async () => {
  const scripted = await ScriptedService.start({});
  let failures = 3;
  let unheard = 2;
  scripted.answer = (method) => {
    if (method === "heartbeat" && failures-- > 0) throw refusal(status.UNAVAILABLE);
    if (method === "completeJob" && unheard-- > 0) throw refusal(status.UNKNOWN);
    return undefined;
  };
  await run(
    scripted,
    async (job) => {
      job.plan([{ name: "render" }]);
      job.report("One", { name: "render", done: 1 });
      await scripted.until(() => failures === 2);
      job.report("Two", { name: "render", done: 2 });
      await scripted.until(() => scripted.of("heartbeat").length >= 4);
      return {};
    },
    () => scripted.of("completeJob").length === 3,
  );
  const arrived = scripted.of("heartbeat")[3];
  assert.equal(arrived?.plan[0].name, "render");
  assert.deepEqual([arrived?.progress.message, arrived?.progress.steps[0].done], ["Two", 2]);
});

test("a cancellation reaches the handler, and the job becomes cancelled", async () => {
  const scripted = await ScriptedService.start({});
  scripted.answer = (method) => (method === "heartbeat" ? { cancelRequested: true, reportSeconds: 1 } : undefined);
  await run(
    scripted,
    endless(() => {}),
    "failJob",
  );
  assert.equal(scripted.of("failJob")[0]?.error.reason, "CANCELLED_BY_USER");
});

for (const [method, what] of [
  ["heartbeat", "a heartbeat"],
  ["appendOutput", "an append"],
] as const) {
  test(`a lease that is lost at ${what} stops the work, without further calls for the job`, async () => {
    const scripted = await ScriptedService.start({});
    let reason: unknown;
    scripted.answer = (called) => {
      if (called === method) throw refusal(status.ABORTED);
      return undefined;
    };
    const handler: Handler = async (job) => {
      if (method === "appendOutput") await job.append(0, Buffer.from("x"));
      else await new Promise((resolve) => job.signal.addEventListener("abort", resolve, { once: true }));
      reason = job.signal.reason;
      throw new Error("stopped");
    };
    await run(scripted, handler, () => scripted.of("leaseJobs").length > 1);
    for (const never of ["completeJob", "failJob", "releaseJob"]) assert.equal(scripted.of(never).length, 0, never);
    assert.match(scripted.lines.join("\n"), /lease lost/);
    if (method === "heartbeat") assert.equal(reason, "lease lost");
  });
}

test("a worker without a response for a full lease stops, because another might have the job", async () => {
  const scripted = await ScriptedService.start({ leaseSeconds: 0.2 });
  scripted.answer = (method) => {
    if (method === "heartbeat") throw refusal(status.UNAVAILABLE);
    return undefined;
  };
  let reason: unknown;
  const handler = endless((job) => job.signal.addEventListener("abort", () => (reason = job.signal.reason)));
  await run(scripted, handler, () => reason !== undefined && scripted.of("leaseJobs").length > 1);
  assert.equal(reason, "lease lost");
  assert.equal(scripted.of("failJob").length, 0);
});

test("a shutdown releases the job with its latest checkpoint", async () => {
  const scripted = await ScriptedService.start({});
  let refused = 0;
  scripted.answer = (method, request) => {
    if (method === "heartbeat" && request.checkpoint?.length && refused++ === 0) throw refusal(status.UNAVAILABLE);
    return undefined;
  };
  const handler = endless((job) => job.save(Buffer.from("newest")));
  await run(scripted, handler, () => scripted.of("heartbeat").some((beat) => beat.checkpoint?.length));
  const released = scripted.of("releaseJob");
  assert.deepEqual(
    released.map(({ checkpoint }) => checkpoint.toString()),
    ["newest"],
  );
  assert.equal(scripted.of("failJob").length, 0);
});

/** Leaves the first heartbeat without an answer, as a service that is frozen does. The promise resolves when it has arrived. */
function frozen(scripted: ScriptedService): Promise<void> {
  return new Promise((resolve) => {
    scripted.unanswered = (method) => {
      const first = method === "heartbeat" && scripted.of("heartbeat").length === 1;
      if (first) resolve();
      return first;
    };
  });
}

test("the plan and progress of an unanswered heartbeat are sent with the end", async () => {
  for (const [ends, method] of [
    [() => ({}), "completeJob"],
    [() => Promise.reject(new Failure("BROKEN", "No.", true)), "failJob"],
  ] as const) {
    const scripted = await ScriptedService.start({});
    const waits = frozen(scripted);
    const handler: Handler = async (job) => {
      job.plan([{ name: "render", total: 2 }]);
      job.report("Half…", { name: "render", state: "STEP_STATE_ACTIVE", done: 1 });
      await waits;
      job.report("Done.", { name: "render", done: 2 });
      return ends();
    };
    await run(scripted, handler, method);
    const declared = scripted
      .of("heartbeat")
      .slice(1)
      .find((beat) => beat.plan.length > 0);
    assert.equal(declared?.plan[0].name, "render");
    const { message, steps } = scripted.of(method)[0]?.progress ?? {};
    assert.equal(message, "Done.");
    assert.deepEqual([steps[0].state, steps[0].done], ["STEP_STATE_ACTIVE", 2]);
  }
});

test("the checkpoint of an unanswered heartbeat is there for the next attempt", async () => {
  const scripted = await ScriptedService.start({});
  const waits = frozen(scripted);
  const handler: Handler = async (job) => {
    job.plan([{ name: "pages", total: 9 }]);
    job.report("", { name: "pages", done: 7 });
    job.save(Buffer.from("page 7"));
    await waits;
    throw new Error("out of luck");
  };
  await run(scripted, handler, "failJob");
  const beats = scripted.of("heartbeat").slice(1);
  const saved = beats.find((beat) => beat.checkpoint?.toString() === "page 7");
  assert.equal(saved?.progress?.steps[0].done, 7); // of the same pages as the checkpoint
});

test("a Failure keeps its reason, and any other error is retried", async () => {
  const scripted = await ScriptedService.start({}, {});
  const failures = [new Failure("PAYLOAD_INVALID", "No such scene.", true), new Error("out of luck")];
  await run(
    scripted,
    () => Promise.reject(failures.shift()),
    () => scripted.of("failJob").length === 2,
  );
  const told = scripted.of("failJob").map(({ error, permanent }) => [error.reason, permanent]);
  assert.deepEqual(told, [
    ["PAYLOAD_INVALID", true],
    ["WORKER_FAILED", false],
  ]);
});

test("numbers that JavaScript would round stay exact as text", async () => {
  const scripted = await ScriptedService.start({ payload: '{"id":9007199254740993}' });
  await run(scripted, async (job) => job.payloadText.replace("id", "of"), "completeJob");
  assert.equal(scripted.of("completeJob")[0]?.resultJson, '{"of":9007199254740993}');
});

test("a large result of numbers fits into a call", async () => {
  const scripted = await ScriptedService.start({});
  const digits = Array.from({ length: 500_000 }, (_, i) => i % 10);
  await run(scripted, async () => ({ digits }), "completeJob");
  assert.deepEqual(JSON.parse(scripted.of("completeJob")[0]?.resultJson), { digits });
});

test("rejected progress does not fail the work, and a rejected result does", async () => {
  const scripted = await ScriptedService.start({});
  scripted.answer = (method) => {
    if (method === "heartbeat" || method === "completeJob") throw refusal(status.INVALID_ARGUMENT);
    return undefined;
  };
  const handler: Handler = async (job) => {
    job.report("?", { name: "unknown" });
    await scripted.until(() => scripted.of("heartbeat").length > 0);
    return { huge: true };
  };
  await run(scripted, handler, "failJob");
  assert.equal(scripted.of("failJob")[0]?.permanent, true);
  assert.match(scripted.lines.join("\n"), /progress rejected/);
});

test("the worker waits for a service that is down, and ends if the token is rejected permanently", async () => {
  const scripted = await ScriptedService.start();
  let away = 3;
  scripted.answer = (method) => {
    if (method !== "leaseJobs") return undefined;
    throw refusal(away-- > 0 ? status.UNAVAILABLE : status.PERMISSION_DENIED);
  };
  await assert.rejects(
    run(
      scripted,
      async () => ({}),
      () => false,
    ),
    { code: status.PERMISSION_DENIED },
  );
  assert.equal(scripted.of("leaseJobs").length, 4);
  assert.equal(scripted.lines.filter((line) => line.startsWith("can't lease jobs")).length, 1);
  scripted.stop();
});

test("an address without a server is a temporary error", async () => {
  const missing = new Service({ address: "127.0.0.1:1", token: () => "" });
  await assert.rejects(missing.call("leaseJobs", { kinds: ["media"] }), { code: status.UNAVAILABLE });
  missing.close();
});

test("the token file is read again when it changes", () => {
  const dir = mkdtempSync(join(tmpdir(), "media-token-"));
  const file = join(dir, "token");
  writeFileSync(file, "first\n");
  utimesSync(file, 1, 1);
  const token = tokenFromEnvironment({ HEADWAY_TOKEN_FILE: file });
  assert.equal(token(), "first");
  writeFileSync(file, "second\n");
  utimesSync(file, 2, 2);
  assert.equal(token(), "second");
  assert.equal(tokenFromEnvironment({ HEADWAY_TOKEN: "fixed" })(), "fixed");
  assert.throws(() => tokenFromEnvironment({}), /HEADWAY_TOKEN_FILE/);
  rmSync(dir, { recursive: true });
});
