import { createContext, type ReactNode, useContext } from "react";
import type { Connection, StreamTransport } from "../index.js";

/** How the hooks below reach the server. */
export interface HeadwayConnection extends Connection {
  /** Follows streams instead of a connection for each hook. */
  transport?: StreamTransport | undefined;
}

const ConnectionContext = createContext<HeadwayConnection>({});

/** Gives its connection to all hooks and components inside. Without it they use the page's own origin and cookie. */
export function HeadwayProvider({ connection, children }: { connection: HeadwayConnection; children: ReactNode }) {
  return <ConnectionContext.Provider value={connection}>{children}</ConnectionContext.Provider>;
}

/** The connection of the nearest HeadwayProvider. */
export function useConnection(): HeadwayConnection {
  return useContext(ConnectionContext);
}
