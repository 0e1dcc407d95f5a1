import { getSession, HeadwayError, type Session, signIn, signOut } from "@headway/client";
import { HeadwayProvider } from "@headway/client/react";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { SignInView } from "./views/SignInView.js";

interface SessionValue extends Session {
  signOut: () => void;
}

const SessionContext = createContext<SessionValue>({ localSignIn: false, maxUploadBytes: 0, signOut: () => {} });

export const useSession = (): SessionValue => useContext(SessionContext);

const retryMs = 2000;

/** Signs the user in, by the server's local sign-in or by a token, and shows the page once somebody is. */
export function SessionGate({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session>();
  const [offline, setOffline] = useState(false);
  const [signedOut, setSignedOut] = useState(false);

  const look = useCallback(async (signal?: AbortSignal) => {
    try {
      const found = await getSession({ signal });
      setSession(found.user || !found.localSignIn ? found : await signIn({ signal }));
      setOffline(false);
    } catch (error) {
      if (signal?.aborted) return;
      setOffline(error instanceof HeadwayError && error.temporary);
      if (error instanceof HeadwayError && !error.temporary) setSession({ localSignIn: false, maxUploadBytes: 0 });
    }
  }, []);

  useEffect(() => {
    if (signedOut) return;
    const closing = new AbortController();
    void look(closing.signal);
    return () => closing.abort();
  }, [look, signedOut]);

  useEffect(() => {
    if (!offline) return;
    const timer = setInterval(() => void look(), retryMs);
    return () => clearInterval(timer);
  }, [offline, look]);

  const leave = useCallback(() => {
    void signOut().finally(() => {
      setSignedOut(true);
      setSession((before) => ({
        localSignIn: before?.localSignIn ?? false,
        maxUploadBytes: before?.maxUploadBytes ?? 0,
      }));
    });
  }, []);

  // The cookie is the credential. When the server refuses it, the local user is signed in anew; others are asked.
  const connection = useMemo(
    () => ({
      token: async (refused: boolean) => {
        if (refused) {
          const fresh = await signIn().catch(() => undefined);
          setSession((before) => fresh ?? { localSignIn: false, maxUploadBytes: before?.maxUploadBytes ?? 0 });
        }
        return undefined;
      },
    }),
    [],
  );

  const value = useMemo(() => session && { ...session, signOut: leave }, [session, leave]);
  if (!value?.user) {
    return (
      <SignInView
        waiting={!session}
        offline={offline}
        local={session?.localSignIn ?? false}
        onSignedIn={(fresh) => {
          setSession(fresh);
          setSignedOut(false);
        }}
      />
    );
  }
  return (
    <HeadwayProvider connection={connection}>
      <SessionContext value={value}>{children}</SessionContext>
    </HeadwayProvider>
  );
}
