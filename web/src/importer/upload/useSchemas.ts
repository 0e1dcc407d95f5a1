import { listSchemas, type Schema } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useEffect, useState } from "react";

/** The schemas that the user can import with, and the chosen one. */
export interface Schemas {
  /** The schemas, or undefined until they are loaded. */
  list: readonly Schema[] | undefined;
  chosen: Schema | undefined;
  choose: (name: string) => void;
  /** Why the schemas could not be loaded. */
  error: unknown;
}

const retryMs = 3000;

/** Where the browser remembers the schema that a user chose last. */
const storageKey = (user: string | undefined) => `headway schema ${user ?? ""}`;

function remembered(user: string | undefined): string | undefined {
  try {
    return localStorage.getItem(storageKey(user)) ?? undefined;
  } catch {
    return undefined; // the browser stores nothing for this page
  }
}

function remember(user: string | undefined, name: string) {
  try {
    localStorage.setItem(storageKey(user), name);
  } catch {
    // The choice lasts until the user leaves the page.
  }
}

/** Returns the schemas. The user's last choice is selected again, as long as that schema exists. */
export function useSchemas(user: string | undefined): Schemas {
  const connection = useConnection();
  const [list, setList] = useState<readonly Schema[]>();
  const [name, setName] = useState(() => remembered(user));
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = () => {
      listSchemas({ ...connection, signal }).then(
        ({ schemas }) => {
          setList(schemas);
          setError(undefined);
        },
        (cause) => {
          if (signal.aborted) return;
          setError(cause);
          timer = setTimeout(load, retryMs);
        },
      );
    };
    load();
    return () => {
      closing.abort();
      clearTimeout(timer);
    };
  }, [connection]);
  const choose = (chosen: string) => {
    setName(chosen);
    remember(user, chosen);
  };
  return { list, chosen: list?.find((schema) => schema.name === name) ?? list?.[0], choose, error };
}
