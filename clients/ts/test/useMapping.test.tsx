import "./dom.js";
import { act, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import type { FilePreview, MappingQuestion, SheetMapping } from "../src/index.js";
import { useMapping } from "../src/react/index.js";
import { previewOf, schema } from "./people.js";
import { show } from "./show.js";

describe("useMapping while previews are requested", () => {
  /** Shows an editor whose previews are answered by the test, in any order. */
  async function showEditor() {
    const asked: {
      mapping?: readonly SheetMapping[];
      resolve: (found: FilePreview) => void;
      reject: (cause: unknown) => void;
    }[] = [];
    const question: MappingQuestion = {
      error: undefined,
      mapping: undefined,
      preview: (mapping) =>
        new Promise((resolve, reject) => asked.push({ ...(mapping && { mapping }), resolve, reject })),
    };
    function Editor() {
      const editor = useMapping(question, schema);
      const { preview, error, sheets, mapping, chooseSheet, shareSheet, chooseHeader, chooseFormat, use } = editor;
      const choose = (text: string, action: () => void) => (
        <button type="button" onClick={action}>
          {text}
        </button>
      );
      const proposed = sheets[0]?.columns.map(({ proposal }) => proposal?.header ?? "none").join(" ");
      return (
        <>
          <p role="status">{preview ? `${JSON.stringify(mapping)} ${proposed}` : "loading"}</p>
          <p role="alert">{String(error)}</p>
          {choose("Leute", () => chooseSheet("staff", "Leute"))}
          {choose("Gruppen", () => chooseSheet("staff", "Gruppen"))}
          {choose("none", () => chooseSheet("staff", undefined))}
          {choose("city", () => chooseHeader("staff", "city", "Code"))}
          {choose("teams", () => shareSheet("teams", "Leute"))}
          {choose("format", () => chooseFormat(undefined, { delimiter: ";" }))}
          {choose("saved", () => use([{ sheet: "staff", workbookSheet: "Gruppen" }]))}
        </>
      );
    }
    await show(<Editor />);
    await act(async () => asked.at(-1)?.resolve(previewOf()));
    return {
      asked,
      error: () => screen.getByRole("alert").textContent,
      state: () => screen.getByRole("status").textContent,
      press: (text: string) => fireEvent.click(screen.getByText(text)),
    };
  }
  const groups = () => previewOf([{ sheet: "staff", workbookSheet: "Gruppen", columns: { number: "Code" } }]);

  test("an error ends with the next choice", async () => {
    const editor = await showEditor();
    for (const next of ["Gruppen", "none"]) {
      editor.press("Gruppen");
      await act(async () => editor.asked.at(-1)?.reject(new Error("offline")));
      expect(editor.error()).toBe("Error: offline");
      editor.press(next);
      expect(editor.error()).toBe("undefined");
      await act(async () => editor.asked.at(-1)?.resolve(groups()));
      expect(editor.error()).toBe("undefined");
    }
  });

  test("a late answer or error does not replace a newer one", async () => {
    const editor = await showEditor();
    editor.press("Gruppen");
    editor.press("Leute");
    editor.press("Gruppen");
    const [first, second, third] = editor.asked.slice(-3);
    await act(async () => third?.resolve(groups()));
    const shown = editor.state();
    expect(shown).toContain("Code none");
    await act(async () => second?.resolve(previewOf()));
    await act(async () => first?.reject(new Error("offline")));
    expect(editor.state()).toBe(shown);
    expect(editor.error()).toBe("undefined");
  });

  test("a header that the user has chosen meanwhile is kept", async () => {
    const editor = await showEditor();
    editor.press("Gruppen");
    editor.press("city");
    await act(async () => editor.asked.at(-1)?.resolve(groups()));
    expect(editor.state()).toContain('"columns":{"number":"","city":"Code"}');
  });

  test("proposals that are not rendered yet outlive the next choice", async () => {
    const editor = await showEditor();
    editor.press("Gruppen");
    await act(async () => {
      editor.asked.at(-1)?.resolve(groups());
      for (let n = 0; n < 9; n++) await Promise.resolve();
      expect(editor.state()).toContain('"number":""');
      editor.press("teams");
    });
    expect(editor.state()).toContain('"columns":{"number":"Code","city":""}');
    expect(editor.state()).toContain('"sheet":"teams"');
  });

  test("an error is shown although another sheet was chosen meanwhile", async () => {
    const editor = await showEditor();
    editor.press("Gruppen");
    editor.press("teams");
    const [staff, teams] = editor.asked.slice(-2);
    await act(async () => staff?.reject(new Error("offline")));
    await act(async () => teams?.resolve(groups()));
    expect(editor.error()).toBe("Error: offline");
  });

  test("headers proposed for a sheet are not added to a mapping that is used meanwhile", async () => {
    const editor = await showEditor();
    editor.press("Gruppen");
    editor.press("saved");
    const [sheet, saved] = editor.asked.slice(-2);
    await act(async () => saved?.resolve(previewOf([{ sheet: "staff", workbookSheet: "Gruppen" }])));
    await act(async () => sheet?.resolve(groups()));
    expect(editor.state()).toContain('"columns":{"number":"","city":""}');
  });

  test("a file that is read in another way is shown although a sheet was chosen meanwhile", async () => {
    const editor = await showEditor();
    editor.press("format");
    editor.press("Gruppen");
    const [file, sheet] = editor.asked.slice(-2);
    await act(async () => sheet?.resolve(groups()));
    await act(async () =>
      file?.resolve(previewOf([{ sheet: "staff", workbookSheet: "Leute", columns: { city: "Ort" } }])),
    );
    expect(editor.state()).toContain('"columns":{"number":"","city":"Ort"}');
  });
});
