import "./dom.js";
import { fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { renderToString } from "react-dom/server";
import { describe, expect, test } from "vitest";
import {
  ImportStepper,
  IssueTable,
  JobProgress,
  useImport,
  useIssues,
  useJobOutput,
  useJobSSE,
  useJobs,
  useSSEProgress,
  useUpload,
} from "../src/react/index.js";
import { json } from "./scripted-server.js";
import { show } from "./show.js";

const step = (name: string, state: string, doneRows: number, total: number) => ({
  name,
  title: name.toUpperCase(),
  group: "",
  weight: 1,
  state: state as "active",
  done: doneRows,
  total,
  unit: "rows",
  counters: {},
  message: "",
  totalEstimated: false,
});

describe("the components", () => {
  test("ImportStepper lists the steps in order, with states, numbers, and counters", async () => {
    const counts = {
      read: 10,
      inserted: 7,
      updated: 0,
      unchanged: 0,
      rejected: 2,
      blocked: 1,
      skipped: 0,
      issues: 2,
      warnings: 0,
    };
    const sheet = { name: "areas", title: "Areas", workbookSheet: "Areas", state: "completed" as const, counts };
    render(
      <ImportStepper
        job={{
          status: "active",
          steps: [
            step("areas", "completed", 10, 10),
            step("employees", "active", 250, 1000),
            { ...step("drivers", "active", 5, 20), totalEstimated: true },
          ],
          import: { sheets: [sheet] } as never,
        }}
      />,
    );
    const items = screen.getAllByRole("listitem").filter((item) => item.dataset.step);
    expect(items.map((item) => `${item.dataset.step} ${item.dataset.state}`)).toEqual([
      "areas completed",
      "employees active",
      "drivers active",
    ]);
    expect(items[0]?.textContent).toContain("7 added2 with errors1 waiting for another row");
    expect(items[1]?.textContent).toContain("250 of 1,000 rows");
    expect(items[2]?.textContent).toContain("5 of about 20 rows");
    expect(screen.getByRole("progressbar", { name: "EMPLOYEES" }).getAttribute("aria-valuenow")).toBe("25");
  });

  test("ImportStepper writes out bytes, and shortens larger sizes", () => {
    const received = (done: number) => ({ ...step(`after ${done}`, "active", done, 0), unit: "bytes" });
    render(<ImportStepper job={{ status: "active", steps: [received(1), received(70), received(2048)] }} />);
    const texts = screen.getAllByRole("listitem").map((item) => item.textContent);
    expect(texts[0]).toContain("1 byte");
    expect(texts[0]).not.toContain("1 bytes");
    expect(texts[1]).toContain("70 bytes");
    expect(texts[2]).toContain("2 kB");
  });

  test("JobProgress announces its percentage and status to screen readers", () => {
    render(
      <JobProgress job={{ status: "active", progress: 41.9, message: "m", title: "people.xlsx", stalled: false }} />,
    );
    const bar = screen.getByRole("progressbar", { name: "people.xlsx" });
    expect(bar.getAttribute("aria-valuetext")).toBe("41 %, In progress");
  });

  test("IssueTable loads page after page, and counts its rows for screen readers", async () => {
    const issue = (row: number) => ({
      sheet: "employees",
      cell: `Employees!D${row}`,
      row,
      column: "department",
      value: "X",
      severity: "error",
      code: "reference_missing",
      message: "No department X",
    });
    await show(<IssueTable importId="i1" pageSize={2} />, (request, response) => {
      const second = request.url?.includes("pageToken=next");
      const issues = second ? [issue(4)] : [issue(2), issue(3)];
      return json(200, { issues, matching: 3, found: 3, nextPageToken: second ? "" : "next" })(request, response);
    });
    fireEvent.click(await screen.findByText("Show more"));
    await screen.findByText("Employees!D4");
    expect(screen.getAllByRole("row").map((row) => row.getAttribute("aria-rowindex"))).toEqual([null, "2", "3", "4"]);
    expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("4");
    expect(screen.queryByText("Show more")).toBeNull();
  });

  test("IssueTable never shows the issues of the previous import", async () => {
    const shown: string[] = [];
    function Page() {
      const [importId, setImportId] = useState("i1");
      const { pages, loading } = useIssues({ importId });
      const cells = pages.flat().map(({ cell }) => cell);
      shown.push(`${importId}: ${cells}`);
      return (
        <button type="button" onClick={() => setImportId("i2")}>
          {loading ? "loading" : cells.join()}
        </button>
      );
    }
    await show(<Page />, (request, response) => {
      const importId = request.url?.includes("/i1/") ? "i1" : "i2";
      return json(200, { issues: [{ cell: `${importId}!A1` }], matching: 1, found: 1 })(request, response);
    });
    fireEvent.click(await screen.findByText("i1!A1"));
    await screen.findByText("i2!A1");
    expect(shown).not.toContain("i2: i1!A1");
  });

  test("all components and hooks render on a server without a connection", () => {
    function Page() {
      const { jobs } = useJobs();
      const { job } = useImport("i1");
      const { text } = useJobOutput({ jobId: "j1", kind: "story" });
      const { status } = useUpload();
      const { progress } = useSSEProgress("/x");
      const { status: jobStatus } = useJobSSE({ jobId: "j1", type: "media" });
      return <p>{JSON.stringify([jobs, job ?? null, text, status, progress, jobStatus])}</p>;
    }
    expect(renderToString(<Page />)).toContain("[[],null,");
    expect(renderToString(<IssueTable importId="i1" />)).toContain("Loading");
  });
});
