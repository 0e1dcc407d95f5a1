import { listMappings, type SavedMapping, saveMapping } from "@headway/client";
import { type MappingEditor, useConnection } from "@headway/client/react";
import { type FormEvent, useEffect, useId, useState } from "react";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { texts } from "./texts.js";

interface SavedMappingsProps {
  schema: string;
  editor: MappingEditor;
}

/** Offers the saved mappings of a schema, and saves the current one. */
export function SavedMappings({ schema, editor }: SavedMappingsProps) {
  const connection = useConnection();
  const [list, setList] = useState<SavedMapping[]>([]);
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const [done, setDone] = useState("");
  const [error, setError] = useState<{ heading: string; cause: unknown }>();
  const field = useId();

  useEffect(() => {
    let ended = false;
    listMappings({ ...connection, schema }).then(
      (found) => !ended && setList(found),
      (cause: unknown) => !ended && setError({ heading: texts.notListed, cause }),
    );
    return () => {
      ended = true;
    };
  }, [connection, schema]);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setDone("");
    setError(undefined);
    try {
      const saved = await saveMapping({ ...connection, schema, name: name.trim(), shared, mapping: editor.mapping });
      setDone(saved.name);
      setList(await listMappings({ ...connection, schema }));
    } catch (cause) {
      setError({ heading: texts.notSaved, cause });
    }
  };

  return (
    <details className="mapping-sheet mapping-saved">
      <summary>
        <h3>{texts.saved}</h3>
        <span className="muted">{texts.savedHint}</span>
      </summary>
      {list.length > 0 && (
        <label className="field mapping-source" htmlFor={field}>
          {texts.use}
          <select id={field} value="" onChange={(event) => editor.use(list[Number(event.target.value)]?.mapping ?? [])}>
            <option value="">{texts.pick}</option>
            {list.map((saved, index) => (
              <option key={`${saved.owner}/${saved.name}`} value={index}>
                {saved.shared ? texts.ownedBy(saved.name, saved.owner) : saved.name}
              </option>
            ))}
          </select>
        </label>
      )}
      <form className="mapping-save" onSubmit={save}>
        <label className="field">
          {texts.nameToSave}
          <input
            required
            maxLength={100}
            pattern="[^\/]*[^\s\/][^\/]*"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <label className="check">
          <input type="checkbox" checked={shared} onChange={(event) => setShared(event.target.checked)} />
          {texts.share}
        </label>
        <button className="button" type="submit">
          {texts.save}
        </button>
        {done && <p role="status">{texts.savedAs(done)}</p>}
      </form>
      {error && <ErrorNote error={error.cause} heading={error.heading} />}
    </details>
  );
}
