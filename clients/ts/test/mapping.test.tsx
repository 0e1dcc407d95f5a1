import "./dom.js";
import { fireEvent, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import type { AcceptedImport, FilePreview, MappingQuestion, SheetMapping } from "../src/index.js";
import { type SendUpload, useMapping, useUpload } from "../src/react/index.js";
import {
  chooseConstant,
  chooseDistinct,
  chooseHeader,
  chooseJoin,
  choosePart,
  chooseRules,
  chooseSheet,
  mappedSheets,
  proposedChoices,
  proposeHeaders,
  shareSheet,
  toMapping,
} from "../src/react/mappingDraft.js";
import { joinText, partsOf, partText, splitsOf } from "../src/react/mappingParts.js";
import { previewOf, schema } from "./people.js";
import { show } from "./show.js";

describe("a mapping that is edited", () => {
  test("starts with the proposals, and marks what is missing, doubtful, and left over", () => {
    const preview = previewOf();
    const [staff, teams] = mappedSheets(schema, preview, proposedChoices(preview));
    expect(staff).toMatchObject({ workbookSheet: "Leute", absent: false });
    expect(staff?.columns.map(({ source, missing }) => [source?.header, missing])).toEqual([
      ["Nr", false],
      [undefined, false],
    ]);
    expect(staff?.columns[0]?.proposal?.sure).toBe(false);
    expect(staff?.unused.map(({ header }) => header)).toEqual(["Ort", "Notiz"]);
    expect(teams).toMatchObject({ workbookSheet: undefined, absent: true });
  });

  test("gives a header to one column only, and a sheet of the file to one sheet only", () => {
    const preview = previewOf();
    let choices = chooseHeader(proposedChoices(preview), "staff", "city", "Nr");
    expect(choices.staff?.headers).toEqual({ city: "Nr" });
    choices = chooseSheet(choices, "teams", "Leute");
    expect(choices).toEqual({ teams: { workbookSheet: "Leute", headers: {} } });
    expect(mappedSheets(schema, preview, choices)[0]?.absent).toBe(true);
    // A workbook must have the sheet, and the server has proposed one: it is left out explicitly.
    expect(toMapping(schema, preview, choices)[0]).toEqual({ sheet: "staff", absent: true });
    expect(toMapping(schema, { ...preview, textFormat: {} as FilePreview["textFormat"] }, choices)[0]).toEqual({
      sheet: "staff",
      absent: true,
    });
    const noProposal = { ...preview, proposals: [], textFormat: {} as FilePreview["textFormat"] };
    expect(toMapping(schema, noProposal, choices).map(({ sheet }) => sheet)).toEqual(["teams"]);
    expect(proposedChoices(previewOf([{ sheet: "staff", absent: true }]))).toEqual({});
    expect(chooseSheet(choices, "teams", undefined)).toEqual({});
    expect(chooseHeader({}, "staff", "city", "Nr")).toEqual({});
  });

  test("asks for the readings of joined headers, which are those of the first one", () => {
    const joins = [{ column: "city", headers: ["Ort", "Notiz"], separator: " " }];
    const preview = previewOf([{ sheet: "staff", workbookSheet: "Leute", columns: { number: "Nr" }, joins }]);
    const readings = ["-1", "1"].map((factor) => ({ rules: { units: { S: factor } }, cell: "1 S", value: factor }));
    preview.proposals[0]?.columns.push({
      ...preview.proposals[0].columns[0],
      column: "city",
      header: "Ort",
      readings,
    } as never);
    const choices = proposedChoices(preview);
    const city = (of = choices) => mappedSheets(schema, preview, of)[0]?.columns[1];
    expect([city()?.proposal?.header, city()?.undecided]).toEqual(["Ort", true]);
    expect(city(chooseRules(choices, "staff", "city", readings[0]?.rules))?.undecided).toBe(false);
    expect(city(chooseJoin(choices, "staff", "city", { headers: ["Nr", "Ort"], separator: " " }))?.undecided).toBe(
      false,
    );
  });

  test("becomes a mapping, and the same choices again from it", () => {
    const preview = previewOf();
    const choices = chooseHeader(proposedChoices(preview), "staff", "city", "Ort");
    const mapping = toMapping(schema, preview, choices);
    expect(mapping).toEqual([{ sheet: "staff", workbookSheet: "Leute", columns: { number: "Nr", city: "Ort" } }]);
    expect(proposedChoices(previewOf(mapping))).toEqual(choices);
  });

  test("gives all rows the same value in a column, instead of a header", () => {
    const preview = previewOf();
    let choices = chooseConstant(proposedChoices(preview), "staff", "number", "");
    expect(mappedSheets(schema, preview, choices)[0]?.columns[0]).toMatchObject({
      source: undefined,
      constant: "",
      missing: true,
    });
    choices = chooseConstant(choices, "staff", "number", "7");
    expect(mappedSheets(schema, preview, choices)[0]?.columns[0]).toMatchObject({ constant: "7", missing: false });
    const mapping = toMapping(schema, preview, choices);
    expect(mapping).toEqual([
      { sheet: "staff", workbookSheet: "Leute", columns: { city: "" }, constants: { number: "7" } },
    ]);
    expect(toMapping(schema, preview, proposedChoices(previewOf(mapping)))).toEqual(mapping);
    choices = chooseHeader(choices, "staff", "number", "Nr");
    expect(toMapping(schema, preview, choices)[0]).toMatchObject({ columns: { number: "Nr" } });
    expect(toMapping(schema, preview, choices)[0]?.constants).toBeUndefined();
    expect(chooseConstant({}, "staff", "number", "7")).toEqual({});
  });

  test("keeps value rules until the column has another header", () => {
    const rules = { city: { case: "upper" as const }, number: { decimal: "," } };
    const preview = previewOf([
      { sheet: "staff", workbookSheet: "Leute", columns: { number: "Nr", city: "Ort" }, rules },
    ]);
    let choices = proposedChoices(preview);
    expect(toMapping(schema, preview, choices)[0]?.rules).toEqual(rules);
    expect(proposeHeaders(choices, "staff", "Leute", {}).staff?.rules).toEqual(rules);
    choices = chooseRules(choices, "staff", "city", { case: "lower" });
    expect(mappedSheets(schema, preview, choices)[0]?.columns[1]?.rules).toEqual({ case: "lower" });
    choices = chooseHeader(choices, "staff", "city", "Notiz");
    expect(toMapping(schema, preview, choices)[0]?.rules).toEqual({ number: { decimal: "," } });
    choices = chooseRules(choices, "staff", "number", undefined);
    expect(toMapping(schema, preview, choices)[0]?.rules).toBeUndefined();
    expect(chooseRules({}, "staff", "city", { case: "lower" })).toEqual({});
  });

  test("gives a sheet of the file to several sheets, and keeps what each has", () => {
    const preview = previewOf();
    let choices = shareSheet(proposedChoices(preview), "teams", "Leute");
    choices = proposeHeaders(choices, "teams", "Leute", { code: "Ort" });
    const [staff, teams] = mappedSheets(schema, preview, choices);
    expect([staff?.shared, staff?.distinct, teams?.shared, teams?.distinct]).toEqual([true, false, true, true]);
    expect(staff?.unused.map(({ header }) => header)).toEqual(["Notiz"]);
    const mapping = toMapping(schema, preview, choices);
    expect(mapping).toEqual([
      { sheet: "staff", workbookSheet: "Leute", columns: { number: "Nr", city: "" } },
      { sheet: "teams", workbookSheet: "Leute", columns: { code: "Ort" }, distinct: true },
    ]);
    expect(toMapping(schema, preview, proposedChoices(previewOf(mapping)))).toEqual(mapping);
    expect(toMapping(schema, { ...preview, textFormat: {} } as FilePreview, choices)).toEqual([
      { sheet: "staff", columns: { number: "Nr", city: "" } },
      { sheet: "teams", columns: { code: "Ort" }, distinct: true },
    ]);
    choices = chooseDistinct(choices, "teams", false);
    expect(
      toMapping(schema, { ...preview, textFormat: {} } as FilePreview, choices).map((m) => m.workbookSheet),
    ).toEqual(["Leute", "Leute"]);
    expect(chooseDistinct({}, "teams", true)).toEqual({});
  });

  test("names a table below another one, also in a text file", () => {
    const text = { ...previewOf(), textFormat: {} } as FilePreview;
    const below = { ...text, sheets: text.sheets.map((sheet) => ({ ...sheet, tableOf: "Kunden" })) };
    const names = (preview: FilePreview) =>
      toMapping(schema, preview, proposedChoices(preview)).map((m) => m.workbookSheet);
    expect(names(text)[0]).toBeUndefined();
    expect(names(below)[0]).toBe("Leute");
  });

  test("gives a column a part of a cell, or several cells, instead of a header", () => {
    const preview = previewOf();
    let choices = choosePart(proposedChoices(preview), "staff", "number", {
      header: "",
      separator: " ",
      index: 0,
      of: 2,
    });
    choices = chooseJoin(choices, "staff", "city", { headers: ["Ort"], separator: "-" });
    const columns = () => mappedSheets(schema, preview, choices)[0]?.columns;
    expect(columns()?.map(({ missing, source }) => [missing, source])).toEqual([
      [true, undefined],
      [true, undefined],
    ]);
    choices = choosePart(choices, "staff", "number", { header: "Nr", separator: " ", index: 1, of: 2, fromEnd: true });
    choices = chooseJoin(choices, "staff", "city", { headers: ["Ort", "Notiz"], separator: "-" });
    expect(columns()?.map(({ missing, derived }) => [missing, derived])).toEqual([
      [false, ["1", "2"]],
      [false, ["1-1"]],
    ]);
    const mapping = toMapping(schema, preview, choices);
    expect(mapping).toEqual([
      {
        sheet: "staff",
        workbookSheet: "Leute",
        columns: {},
        splits: [{ header: "Nr", separator: " ", columns: ["", "number"], fromEnd: true }],
        joins: [{ column: "city", headers: ["Ort", "Notiz"], separator: "-" }],
      },
    ]);
    expect(toMapping(schema, preview, proposedChoices(previewOf(mapping)))).toEqual(mapping);
    expect(proposeHeaders(choices, "staff", "Leute", { number: "Nr", city: "Ort" })).toEqual(choices);
    choices = chooseConstant(chooseHeader(choices, "staff", "number", "Nr"), "staff", "city", "Rome");
    expect(columns()?.map(({ part, joined }) => [part, joined])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  test("names no sheet of a text file, and leaves columns out by an empty header", () => {
    const preview = { ...previewOf([{ sheet: "staff", columns: { number: "Nr" } }]), textFormat: {} } as FilePreview;
    const choices = proposedChoices(preview);
    expect(toMapping(schema, preview, choices)).toEqual([{ sheet: "staff", columns: { number: "Nr", city: "" } }]);
  });
});

describe("parts of cells", () => {
  // The importer's own tests have the same cases.
  test.each([
    ["1 ; x;2001-02-03", ";", ["1", "x", "2001-02-03"], ["1", "x", "2001-02-03"]],
    ["3;;b;4", ";", ["3", "", "b;4"], ["3;", "b", "4"]],
    ["North  Sea\u00a0 12 ", " ", ["North", "Sea", "12"], ["North", "Sea", "12"]],
    ["7", " ", ["7", "", ""], ["", "", "7"]],
    [";x", ";", ["", "x", ""], ["", "", "x"]],
    ["", ",", ["", "", ""], ["", "", ""]],
  ])("%j at %j", (text, separator, parts, fromEnd) => {
    const all = (last: boolean) =>
      [0, 1, 2].map((index) => partText(text, { header: "h", separator, index, of: 3, fromEnd: last }));
    expect(all(false)).toEqual(parts);
    expect(all(true)).toEqual(fromEnd);
  });

  test("become splits, and parts again", () => {
    const splits = [
      { header: "Name", separator: " ", columns: ["first", "", "last"] },
      { header: "Name", separator: " ", columns: ["", "family"], fromEnd: true },
      { header: "Ort", separator: ",", columns: ["city", "country"] },
    ];
    expect(splitsOf(Object.entries(partsOf(splits)))).toEqual(splits);
    expect(joinText([" a", "", "b "], "; ")).toBe("a; b");
  });
});

test("useUpload asks, useMapping edits the answer, and the upload continues with it", async () => {
  const answers: unknown[] = [];
  const asked: unknown[] = [];
  const question: MappingQuestion = {
    error: undefined,
    mapping: undefined,
    preview: async (mapping) => {
      asked.push(mapping);
      return previewOf(
        mapping ? [{ sheet: "staff", workbookSheet: "Gruppen", columns: { number: "Code" } }] : undefined,
      );
    },
  };
  const send: SendUpload = async ({ askMapping }) => {
    answers.push(await askMapping(question));
    return { import: { importId: "i1" } } as AcceptedImport;
  };
  function Question({ question, answer }: { question: MappingQuestion; answer: (mapping: SheetMapping[]) => void }) {
    const { preview, sheets, mapping, chooseSheet, chooseHeader } = useMapping(question, schema);
    return (
      <>
        <p>{preview ? sheets[0]?.columns.map(({ source }) => source?.header ?? "none").join(" ") : "loading"}</p>
        <button type="button" onClick={() => chooseSheet("staff", "Gruppen")}>
          sheet
        </button>
        <button type="button" onClick={() => chooseHeader("staff", "city", "Code")}>
          header
        </button>
        <button type="button" onClick={() => answer(mapping)}>
          answer
        </button>
      </>
    );
  }
  function Page() {
    const { upload, status, question, answer } = useUpload(send);
    return (
      <>
        <p>{status}</p>
        <button type="button" onClick={() => void upload({ file: new File(["PK"], "a.xlsx") })}>
          go
        </button>
        {question && <Question question={question} answer={answer} />}
      </>
    );
  }
  await show(<Page />);
  fireEvent.click(screen.getByText("go"));
  await screen.findByText("mapping");
  await screen.findByText("Nr none");
  fireEvent.click(screen.getByText("sheet"));
  await screen.findByText("Code none");
  expect(asked.at(-1)).toEqual([{ sheet: "staff", workbookSheet: "Gruppen" }]);
  fireEvent.click(screen.getByText("header"));
  await screen.findByText("none Code");
  fireEvent.click(screen.getByText("answer"));
  await screen.findByText("accepted");
  expect(answers).toEqual([[{ sheet: "staff", workbookSheet: "Gruppen", columns: { number: "", city: "Code" } }]]);
});
