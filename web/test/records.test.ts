import { describe, expect, test } from "vitest";
import { parseRecords } from "../src/job/records.js";

const lines = (...list: unknown[]) => `${list.map((line) => JSON.stringify(line)).join("\n")}\n`;

describe("output of records", () => {
  test.each([
    ["", undefined],
    ["Once upon a time", undefined],
    ['{"view":"tr', undefined],
    ['{"view":"map"}\n', undefined],
    ['{"name":"a","view":"tree"}\n', undefined],
  ])("%j has no records", (text, want) => expect(parseRecords(text)).toBe(want));

  test("entries of a tree are below their parents, and a later line replaces an entry", () => {
    const text = lines(
      { view: "tree" },
      { id: "/", label: "Home", note: "2 links" },
      { id: "/a", parent: "/", label: "A", state: "failed" },
      { id: "/b", parent: "/missing" },
      { id: "/a", parent: "/", label: "A again", state: "done" },
      "not an object",
    );
    expect(parseRecords(`${text}{"id":"/c"`)).toEqual({
      view: "tree",
      count: 3,
      roots: [
        {
          id: "/",
          label: "Home",
          note: "2 links",
          state: "done",
          children: [{ id: "/a", label: "A again", note: "", state: "done", children: [] }],
        },
        { id: "/b", label: "/b", note: "", state: "done", children: [] },
      ],
    });
  });

  test("a table has columns with labels, and a row for each line", () => {
    const columns = [{ name: "row", label: "Row" }, { name: "result" }, "x"];
    expect(parseRecords(lines({ view: "table", columns }, { row: 1, result: "sent" }, { row: 2 }))).toEqual({
      view: "table",
      columns: [
        { name: "row", label: "Row" },
        { name: "result", label: "result" },
      ],
      rows: [{ row: 1, result: "sent" }, { row: 2 }],
    });
  });

  test("later lines change the groups of points and the positions of centers", () => {
    const text = lines(
      { view: "points" },
      {
        add: [
          [1, 2],
          [3, 4],
          ["a", 5],
        ],
      },
      { centers: [[1, 1]], moves: [[1, 0], [9, 0], "x"] },
      {
        centers: [
          [2, 2],
          [3, 3],
        ],
      },
    );
    expect(parseRecords(text)).toEqual({
      view: "points",
      points: [
        { x: 1, y: 2, group: -1 },
        { x: 3, y: 4, group: 0 },
      ],
      centers: [
        { x: 2, y: 2, group: 0 },
        { x: 3, y: 3, group: 1 },
      ],
    });
  });
});
