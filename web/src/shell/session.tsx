import { getSession, HeadwayError, type Session, type StreamTransport, signIn, signOut } from "@headway/client";
import { HeadwayProvider } from "@headway/client/react";
import { shareStreams } from "@headway/client/shared";
import {
  createContext,
  Fragment,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { SignInView } from "../screens/sign-in/SignInScreen.js";

interface SessionValue extends Session {
  signOut: () => void;
}

const SessionContext = createContext<SessionValue>({ localSignIn: false, maxUploadBytes: 0, signOut: () => {} });

export const useSession = (): SessionValue => useContext(SessionContext);

const retryMs = 2000;

/** By this channel a tab tells the others who has signed in; nobody if undefined. The cookie is the whole browser's. */
const channelName = "headway session";

/** Signs the user in, by the server's local sign-in or by a token, and shows the page once somebody is. */
export function SessionGate({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session>();
  const [offline, setOffline] = useState(false);
  const [signedOut, setSignedOut] = useState(false);
  const others = useRef<BroadcastChannel>(undefined);

  const look = useCallback(async (signal?: AbortSignal) => {
    try {
      const found = await getSession({ signal });
      setSession(found.user || !found.localSignIn ? found : await signIn({ signal }));
      setOffline(false);
    } catch (error) {
      if (signal?.aborted) return;
      setOffline(error instanceof HeadwayError && error.temporary);
      if (error instanceof HeadwayError && !error.temporary) setSession(nobody);
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

  useEffect(() => {
    const channel = new BroadcastChannel(channelName);
    channel.onmessage = ({ data: user }: MessageEvent<string | undefined>) => {
      setSignedOut(user === undefined);
      if (user === undefined) setSession(nobody);
      else void look();
    };
    others.current = channel;
    return () => channel.close();
  }, [look]);

  const leave = useCallback(() => {
    void signOut().finally(() => {
      setSignedOut(true);
      setSession(nobody);
      others.current?.postMessage(undefined);
    });
  }, []);

  const user = session?.user;
  const connection = useMemo(() => {
    const shared = user === undefined ? undefined : shareStreams({ user });
    // Whoever signed in elsewhere in this browser is whom this tab must now be for.
    const transport: StreamTransport | undefined =
      shared &&
      ((...stream) =>
        shared(...stream).catch((error: unknown) => {
          if (error instanceof HeadwayError && error.reason === "USER_CHANGED") void look();
          throw error;
        }));
    return {
      transport,
      // The cookie is the credential. When the server refuses it, the local user is signed in anew; others are asked.
      token: async (refused: boolean) => {
        if (refused) {
          const fresh = await signIn().catch(() => undefined);
          setSession((before) => fresh ?? nobody(before));
        }
        return undefined;
      },
    };
  }, [user, look]);

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
          others.current?.postMessage(fresh.user);
        }}
      />
    );
  }
  return (
    <HeadwayProvider connection={connection}>
      <SessionContext value={value}>
        {/* Nothing of one user's page is left over for the next. */}
        <Fragment key={user}>{children}</Fragment>
      </SessionContext>
    </HeadwayProvider>
  );
}

/** The session when nobody is signed in, as far as it is known what this server allows. */
const nobody = (before?: Session): Session => ({
  localSignIn: before?.localSignIn ?? false,
  maxUploadBytes: before?.maxUploadBytes ?? 0,
});
