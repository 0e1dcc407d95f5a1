import { describe, expect, test } from "vitest";
import { hrefs, parseRoute } from "../src/shell/router.js";

describe("the page's addresses", () => {
  test("every view has an address that leads back to it", () => {
    expect(parseRoute(hrefs.start)).toEqual({ view: "start" });
    expect(parseRoute(hrefs.jobs)).toEqual({ view: "jobs" });
    expect(parseRoute(hrefs.import("a/b c"))).toEqual({ view: "import", importId: "a/b c" });
    expect(parseRoute(hrefs.job("media", "j1"))).toEqual({ view: "job", kind: "media", jobId: "j1" });
  });

  test("the address of an import's job shows the import", () => {
    expect(parseRoute("/jobs/import/i1")).toEqual({ view: "import", importId: "i1" });
    expect(hrefs.job("import", "i1")).toBe("/imports/i1");
  });

  test.each(["/docs", "/api/v1/jobs", "/imports", "/jobs/media", "/jobs/a/b/c", "/nowhere"])(
    "%s has no view",
    (path) => {
      expect(parseRoute(path)).toBeUndefined();
    },
  );

  test("an invalid escape is kept as text", () => {
    expect(parseRoute("/imports/%E0%A4%A")).toEqual({ view: "import", importId: "%E0%A4%A" });
  });
});
