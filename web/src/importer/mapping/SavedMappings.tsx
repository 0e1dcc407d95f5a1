import { deleteMapping, listMappings, type SavedMapping, saveMapping } from "@headway/client";
import { type MappingEditor, useConnection } from "@headway/client/react";
import { type FormEvent, useEffect, useId, useState } from "react";
import { t } from "../../messages/index.js";
import { ErrorNote } from "../../ui/ErrorNote.js";

interface SavedMappingsProps {
  schema: string;
  /** The user, who can delete the own ones. */
  user: string | undefined;
  editor: MappingEditor;
}

/** Offers the saved mappings of a schema, and saves the current one. */
export function SavedMappings({ schema, user, editor }: SavedMappingsProps) {
  const connection = useConnection();
  const [list, setList] = useState<SavedMapping[]>([]);
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const [done, setDone] = useState("");
  const [deleted, setDeleted] = useState<SavedMapping>();
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

  /** Changes the saved mappings, and shows the new list and then what was done. */
  const change = async (heading: string, action: () => Promise<unknown>, show: () => void) => {
    setDone("");
    setDeleted(undefined);
    setError(undefined);
    try {
      await action();
    } catch (cause) {
      setError({ heading, cause });
      return;
    }
    try {
      setList(await listMappings({ ...connection, schema }));
    } catch (cause) {
      setError({ heading: t("mapping.notListed"), cause });
    }
    show();
  };
  const store = (mapping: Pick<SavedMapping, "name" | "shared" | "mapping">) =>
    change(
      t("mapping.notSaved"),
      () => saveMapping({ ...connection, schema, ...mapping }),
      () => setDone(mapping.name),
    );
  const save = (event: FormEvent) => {
    event.preventDefault();
    void store({ name: name.trim(), shared, mapping: editor.mapping });
  };
  const drop = (saved: SavedMapping) =>
    change(
      t("mapping.notDeleted"),
      () => deleteMapping({ ...connection, schema, name: saved.name }),
      () => setDeleted(saved),
    );
  const own = list.filter(({ owner }) => owner === user);

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
      {own.length > 0 && (
        <ul className="mapping-own" aria-label={t("mapping.own")}>
          {own.map((saved) => (
            <li key={saved.name}>
              <span>{saved.name}</span>
              {saved.shared && <span className="muted">{t("mapping.sharedMark")}</span>}
              <button className="button quiet small" type="button" onClick={() => void drop(saved)}>
                {t("mapping.delete", { name: saved.name })}
              </button>
            </li>
          ))}
        </ul>
      )}
      {deleted && (
        <p role="status">
          {t("mapping.deleted", { name: deleted.name })}{" "}
          <button className="button quiet small" type="button" onClick={() => void store(deleted)}>
            {t("mapping.undo")}
          </button>
        </p>
      )}
      {error && <ErrorNote error={error.cause} heading={error.heading} />}
    </details>
  );
}
