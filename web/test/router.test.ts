import { describe, expect, test } from "vitest";
import { hrefs, parseRoute } from "../src/shell/router.js";

describe("the page's addresses", () => {
  test("each leads to its view and back", () => {
    expect(parseRoute(hrefs.start)).toEqual({ view: "start" });
    expect(parseRoute(hrefs.jobs)).toEqual({ view: "jobs" });
    expect(parseRoute(hrefs.import("a/b c"))).toEqual({ view: "import", importId: "a/b c" });
    expect(parseRoute(hrefs.job("media", "j1"))).toEqual({ view: "job", kind: "media", jobId: "j1" });
  });

  test("an import is shown as an import wherever its job is named", () => {
    expect(parseRoute("/jobs/import/i1")).toEqual({ view: "import", importId: "i1" });
    expect(hrefs.job("import", "i1")).toBe("/imports/i1");
  });

  test.each(["/docs", "/api/v1/jobs", "/imports", "/jobs/media", "/jobs/a/b/c", "/nowhere"])(
    "%s is none of them",
    (path) => {
      expect(parseRoute(path)).toBeUndefined();
    },
  );

  test("an invalid escape does not crash", () => {
    expect(parseRoute("/imports/%E0%A4%A")).toEqual({ view: "import", importId: "%E0%A4%A" });
  });
});
