import "./dom.js";
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { describe, expect, test } from "vitest";
import type { JobSnapshot } from "../src/index.js";
import { useImport, useJob, useJobSSE, useJobs } from "../src/react/index.js";
import { connected, event, json, refusal, stream } from "./scripted-server.js";
import { server, show } from "./show.js";

const done = { status: "completed", progress: 100, result: { characterId: "c1", displayId: "C-1", name: "Ann" } };

const wholeRun = stream([connected, event(1), event(2), event(3, done)], { open: true });

describe("useJob", () => {
  test("shows every snapshot, and calls onComplete once although effects run twice", async () => {
    const completed: JobSnapshot[] = [];
    function Page() {
      const { job, connection } = useJob({ jobId: "j1", kind: "import", onComplete: (j) => completed.push(j) });
      return <p>{`${job?.status ?? "none"} ${connection}`}</p>;
    }
    await show(<Page />, wholeRun);
    await screen.findByText("completed closed");
    expect(completed).toHaveLength(1);
  });

  test("closes the stream when the component unmounts", async () => {
    let open = 0;
    function Page() {
      return <p>{useJob({ jobId: "j1", kind: "import" }).job?.status ?? "none"}</p>;
    }
    const { unmount } = await show(<Page />, (request, response) => {
      open++;
      response.on("close", () => open--);
      return stream([connected, event(1)], { open: true })(request, response);
    });
    await screen.findByText("active");
    unmount();
    await waitFor(() => expect(open).toBe(0));
  });

  test("never shows another job's state when the id changes", async () => {
    const shown: string[] = [];
    function Page() {
      const [jobId, setJobId] = useState("j1");
      const { job } = useJob({ jobId, kind: "import" });
      shown.push(`${jobId}:${job?.jobId ?? "none"}`);
      return (
        <button type="button" onClick={() => setJobId("j2")}>
          {job?.jobId ?? "none"}
        </button>
      );
    }
    await show(<Page />, (request, response) => {
      const jobId = request.url?.split("/").pop();
      return stream([connected, event(1, { jobId })], { open: true })(request, response);
    });
    fireEvent.click(await screen.findByText("j1"));
    await screen.findByText("j2");
    expect(shown).not.toContain("j2:j1");
  });

  test("shows why the job is not visible", async () => {
    function Page() {
      const { error } = useImport("i1");
      return <p>{(error as Error | undefined)?.message ?? "none"}</p>;
    }
    await show(<Page />, refusal(404, "IMPORT_NOT_FOUND"));
    await screen.findByText("Refused: IMPORT_NOT_FOUND");
  });
});

test("useJobs merges the list and the stream, and keeps the later revision of each job", async () => {
  function Page() {
    const { jobs, loaded } = useJobs();
    return <p>{loaded ? jobs.map((job) => `${job.jobId}@${job.revision}`).join(" ") || "empty" : "loading"}</p>;
  }
  const listed = [
    { jobId: "j3", kind: "media", status: "completed", revision: 4 },
    { jobId: "j1", kind: "import", status: "active", revision: 1 },
  ];
  await show(<Page />, (request, response) => {
    const live = request.url?.includes("/sse/");
    const answer = live
      ? stream([connected, event(5), event(1, { jobId: "j2" })], { open: true })
      : json(200, { jobs: listed, nextPageToken: "" });
    return answer(request, response);
  });
  await screen.findByText("j3@4 j2@1 j1@5");
});

test("useJobs shows the end of a job that ended before the stream opened", async () => {
  function Page() {
    const { jobs } = useJobs();
    return <p>{jobs.map((job) => `${job.jobId} ${job.status}`).join(", ") || "loading"}</p>;
  }
  const queued = { jobId: "j1", kind: "story", status: "queued", revision: 1 };
  let open = () => {};
  await show(<Page />, async (request, response) => {
    if (request.url?.includes("/sse/")) {
      // The list is read before the stream opens, so the stream does not start with the ended job.
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      await stream([connected, event(3, { jobId: "j2" })], { open: true })(request, response);
    } else if (request.url?.endsWith("/jobs/j1")) {
      await json(200, { job: { ...queued, status: "cancelled", revision: 2 } })(request, response);
    } else await json(200, { jobs: [queued], nextPageToken: "" })(request, response);
  });
  await screen.findByText("j1 queued");
  open();
  await screen.findByText("j2 active, j1 cancelled", undefined, { timeout: 10_000 });
  expect(server.received.filter(({ path }) => path.endsWith("/jobs/j2"))).toEqual([]);
});

test("useJobs removes a job that was deleted before the stream opened", async () => {
  function Page() {
    const { jobs, loaded } = useJobs();
    return <p>{loaded ? jobs.map((job) => job.jobId).join(" ") || "empty" : "loading"}</p>;
  }
  let open = () => {};
  await show(<Page />, async (request, response) => {
    if (request.url?.includes("/sse/")) {
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      await stream([connected], { open: true })(request, response);
    } else if (request.url?.endsWith("/jobs/j1")) await refusal(404, "JOB_NOT_FOUND")(request, response);
    else await json(200, { jobs: [{ jobId: "j1", kind: "story", status: "queued", revision: 1 }] })(request, response);
  });
  await screen.findByText("j1");
  open();
  await screen.findByText("empty", undefined, { timeout: 10_000 });
});

test("useJobs reads its first page again after a failure", async () => {
  function Page() {
    const { jobs, loaded } = useJobs();
    return <p>{loaded ? jobs.map((job) => job.jobId).join(" ") : "loading"}</p>;
  }
  let lists = 0;
  await show(<Page />, (request, response) => {
    if (request.url?.includes("/sse/")) return stream([connected], { open: true })(request, response);
    // Strict mode runs the effect twice, so the first two reads are the first one.
    if (++lists <= 2) return refusal(503, "UNAVAILABLE")(request, response);
    return json(200, { jobs: [{ jobId: "j1", kind: "story", status: "completed", revision: 1 }] })(request, response);
  });
  await screen.findByText("j1", undefined, { timeout: 10_000 });
});

test("useJobs waits if the server asks for a wait that no timer can have", async () => {
  let lists = 0;
  await show(<Page />, (request, response) => {
    if (request.url?.includes("/sse/")) return stream([connected], { open: true })(request, response);
    lists++;
    return refusal(429, "RATE_LIMITED", { "Retry-After": "99999999999" })(request, response);
  });
  function Page() {
    return <p>{useJobs().error ? "refused" : "loading"}</p>;
  }
  await screen.findByText("refused");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(lists, "strict mode runs the effect twice").toBeLessThan(3);
});

describe("useJobSSE", () => {
  test("returns the fields of polling hooks, and calls onComplete once with the result", async () => {
    const results: unknown[] = [];
    function Page() {
      const { jobStatus, progress, status } = useJobSSE<{ characterId: string }>({
        jobId: "j1",
        type: "character",
        token: "t1",
        onComplete: (result) => results.push(result.characterId),
      });
      return <p>{`${status} ${progress} ${jobStatus?.revision ?? 0}`}</p>;
    }
    await show(<Page />, wholeRun);
    await screen.findByText("completed 100 3");
    expect(results).toEqual(["c1"]);
    expect(server.received[0]?.path).toBe("/api/v1/sse/jobs/character/j1");
    expect(server.received[0]?.headers.authorization).toBe("Bearer t1");
  });

  test("calls onComplete once, even if a new token starts the watch again", async () => {
    const completed: unknown[] = [];
    function Page() {
      const [token, setToken] = useState("old");
      const { status } = useJobSSE({
        jobId: "j1",
        type: "import",
        token,
        onComplete: (result) => completed.push(result),
      });
      return (
        <button type="button" onClick={() => setToken("fresh")}>
          {`${token} ${status}`}
        </button>
      );
    }
    await show(<Page />, wholeRun);
    fireEvent.click(await screen.findByText("old completed"));
    await screen.findByText("fresh completed");
    expect(completed).toHaveLength(1);
  });

  test("calls onComplete once per job, even if another job is watched in between", async () => {
    const completed: unknown[] = [];
    function Page() {
      const [jobId, setJobId] = useState("j1");
      const { jobStatus } = useJobSSE({ jobId, type: "import", onComplete: () => completed.push(jobId) });
      return (
        <button type="button" onClick={() => setJobId(jobId === "j1" ? "j2" : "j1")}>
          {`${jobStatus?.jobId} ${jobStatus?.status}`}
        </button>
      );
    }
    await show(<Page />, (request, response) => {
      const jobId = request.url?.endsWith("/j1") ? "j1" : "j2";
      return stream([connected, event(1, { ...done, jobId })])(request, response);
    });
    for (const jobId of ["j1", "j2", "j1"]) fireEvent.click(await screen.findByText(`${jobId} completed`));
    await screen.findByText("j2 completed");
    expect(completed).toEqual(["j1", "j2"]);
  });

  test("calls onComplete once for a job that has already ended, even if its end arrives twice", async () => {
    const results: unknown[] = [];
    function Page() {
      const { status } = useJobSSE({ jobId: "j1", type: "character", onComplete: (result) => results.push(result) });
      return <p>{status}</p>;
    }
    // All in one packet, so that the second end is there with the first.
    const packet = connected + event(1, done) + event(1, { ...done, type: "job_update" });
    await show(<Page />, stream([packet], { open: true }));
    await screen.findByText("completed");
    expect(results).toHaveLength(1);
  });

  test("returns the error that ended the watch", async () => {
    function Page() {
      const { error } = useJobSSE({ jobId: "j1", type: "import" });
      return <p>{(error as Error | undefined)?.message ?? "none"}</p>;
    }
    await show(<Page />, refusal(404, "JOB_NOT_FOUND"));
    await screen.findByText("Refused: JOB_NOT_FOUND");
  });

  test("does not complete when the job fails, and shows the reason", async () => {
    const results: unknown[] = [];
    function Page() {
      const { jobStatus, status } = useJobSSE({ jobId: "j1", type: "media", onComplete: (r) => results.push(r) });
      return <p>{`${status} ${jobStatus?.failedReason ?? ""}`}</p>;
    }
    await show(
      <Page />,
      stream([connected, event(1, { status: "failed", failedReason: "No ink", result: { error: "No ink" } })]),
    );
    await screen.findByText("failed No ink");
    expect(results).toEqual([]);
  });

  test("watches nothing without a job", async () => {
    function Page() {
      return <p>{useJobSSE({ jobId: null, type: "media" }).status}</p>;
    }
    await show(<Page />, wholeRun);
    await screen.findByText("queued");
    expect(server.received).toHaveLength(0);
  });
});
