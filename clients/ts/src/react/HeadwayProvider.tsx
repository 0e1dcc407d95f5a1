import { createContext, type ReactNode, useContext } from "react";
import type { Connection, StreamTransport } from "../index.js";

/** How the hooks reach the server. */
export interface HeadwayConnection extends Connection {
  /** Follows streams, for example over a connection that all tabs share. By default, each hook has its own. */
  transport?: StreamTransport | undefined;
}

const ConnectionContext = createContext<HeadwayConnection>({});

/** Provides a connection to all hooks and components inside. Without it, they use the page's origin and cookie. */
export function HeadwayProvider({ connection, children }: { connection: HeadwayConnection; children: ReactNode }) {
  return <ConnectionContext.Provider value={connection}>{children}</ConnectionContext.Provider>;
}

/** Returns the connection of the nearest HeadwayProvider. */
export function useConnection(): HeadwayConnection {
  return useContext(ConnectionContext);
}
