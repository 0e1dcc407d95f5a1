import { listMappings, type SavedMapping, saveMapping } from "@headway/client";
import { type MappingEditor, useConnection } from "@headway/client/react";
import { type FormEvent, useEffect, useId, useState } from "react";
import { t } from "../../messages/index.js";
import { ErrorNote } from "../../ui/ErrorNote.js";

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
      (cause: unknown) => !ended && setError({ heading: t("mapping.notListed"), cause }),
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
      setError({ heading: t("mapping.notSaved"), cause });
    }
  };

  return (
    <details className="mapping-sheet mapping-saved">
      <summary>
        <h3>{t("mapping.saved")}</h3>
        <span className="muted">{t("mapping.savedHint")}</span>
      </summary>
      {list.length > 0 && (
        <label className="field mapping-source" htmlFor={field}>
          {t("mapping.use")}
          <select id={field} value="" onChange={(event) => editor.use(list[Number(event.target.value)]?.mapping ?? [])}>
            <option value="">{t("mapping.pick")}</option>
            {list.map((saved, index) => (
              <option key={`${saved.owner}/${saved.name}`} value={index}>
                {saved.shared ? t("mapping.ownedBy", { name: saved.name, owner: saved.owner }) : saved.name}
              </option>
            ))}
          </select>
        </label>
      )}
      <form className="mapping-save" onSubmit={save}>
        <label className="field">
          {t("mapping.nameToSave")}
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
          {t("mapping.share")}
        </label>
        <button className="button" type="submit">
          {t("mapping.save")}
        </button>
        {done && <p role="status">{t("mapping.savedAs", { name: done })}</p>}
      </form>
      {error && <ErrorNote error={error.cause} heading={error.heading} />}
    </details>
  );
}
