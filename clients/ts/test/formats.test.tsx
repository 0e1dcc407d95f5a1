import "./dom.js";
import { act, fireEvent, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import type { FilePreview, MappingQuestion, Schema } from "../src/index.js";
import { useMapping } from "../src/react/index.js";
import { show } from "./show.js";

const column = (name: string) => ({ name, title: name, required: true });
const schema = {
  name: "people",
  sheets: [
    { name: "staff", columns: [column("number")] },
    { name: "teams", columns: [column("code")] },
  ],
} as Schema;

test("useMapping reads a file in another way, and keeps the choices for other files", async () => {
  const asked: unknown[] = [];
  const answers: unknown[] = [];
  const question: MappingQuestion = {
    error: undefined,
    mapping: undefined,
    formats: { textFormats: { "b.csv": { encoding: "UTF-8" } } },
    preview: async (mapping, formats) => {
      asked.push([mapping, formats]);
      const headers = (...names: string[]) => names.map((header, index) => ({ column: index + 1, header, values: [] }));
      const found = [
        { sheet: "staff", workbookSheet: "a", columns: { number: "Nr" } },
        { sheet: "teams", workbookSheet: "b", columns: { code: "Code" } },
      ];
      return {
        mapping: found,
        proposals: found.map((each) => ({ ...each, columns: [] })),
        sheets: [
          { name: "a", file: "a.csv", hidden: false, headerRow: 1, columns: headers("Nr") },
          { name: "b", file: "b.csv", hidden: false, headerRow: 1, columns: headers("Code") },
        ],
        textFormats: { "a.csv": {}, "b.csv": {} },
      } as unknown as FilePreview;
    },
  };
  function Question() {
    const { preview, answer, chooseFormat } = useMapping(question, schema);
    return (
      <>
        <p>{preview ? "loaded" : "loading"}</p>
        <button type="button" onClick={() => chooseFormat("a.csv", { delimiter: ";" })}>
          format
        </button>
        <button type="button" onClick={() => answers.push(answer)}>
          answer
        </button>
      </>
    );
  }
  await show(<Question />);
  await screen.findByText("loaded");
  expect(asked[0]).toEqual([undefined, question.formats]);
  await act(async () => fireEvent.click(screen.getByText("format")));
  const textFormats = { "a.csv": { delimiter: ";" }, "b.csv": { encoding: "UTF-8" } };
  expect(asked.at(-1)).toEqual([[{ sheet: "teams", workbookSheet: "b", columns: { code: "Code" } }], { textFormats }]);
  fireEvent.click(screen.getByText("answer"));
  expect(answers).toMatchObject([{ textFormats, mapping: [{ sheet: "staff" }, { sheet: "teams" }] }]);
});
