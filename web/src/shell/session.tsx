import { getSession, HeadwayError, type Session, type StreamTransport, signIn, signOut } from "@headway/client";
import { HeadwayProvider } from "@headway/client/react";
import { shareStreams } from "@headway/client/shared";
import {
  type ComponentType,
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { base } from "../ui/base.js";

/** The connection to the server. */
const here = { baseUrl: base };

interface SessionValue extends Session {
  /** Ends the session. It rejects if the server could not be reached, because the user is then still signed in. */
  signOut: () => Promise<void>;
}

const SessionContext = createContext<SessionValue>({
  localSignIn: false,
  maxUploadBytes: 0,
  signOut: () => Promise.resolve(),
});

export const useSession = (): SessionValue => useContext(SessionContext);

const retryMs = 2000;

/** The longest delay that a timer can have. */
const maxDelayMs = 2 ** 31 - 1;

/** Returns the secret of the sign-in link that opened this page, and removes it from the address and the history. */
function takeSecret(): string | undefined {
  const secret = /^#sign-in=(\w+)$/.exec(location.hash)?.[1];
  if (secret) history.replaceState(history.state, "", location.pathname + location.search);
  return secret;
}

/** Notifies the other tabs of who has signed in, or undefined for a sign-out. All tabs of a browser share the cookie. */
const channelName = "headway session";

/** Returns the channel, or undefined if the browser has none or refuses it. Each tab then finds out by itself. */
function openChannel(): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(channelName);
  } catch {
    return undefined;
  }
}

/** The properties of the sign-in screen. */
export interface SignInProps {
  /** Whether the session is not known yet. */
  waiting: boolean;
  offline: boolean;
  /** Whether the local user signs in with a link that the program prints. */
  local: boolean;
  /** The user whose session has ended, and who can continue after a new sign-in. */
  expired: string | undefined;
  onSignedIn: (session: Session) => void;
}

interface SessionGateProps {
  /** Shown until the user has signed in. */
  SignIn: ComponentType<SignInProps>;
  children: ReactNode;
}

/** Signs the user in, by the server's local sign-in or with a token, and then shows the page. */
export function SessionGate({ SignIn, children }: SessionGateProps) {
  const [session, setSession] = useState<Session>();
  const [offline, setOffline] = useState(false);
  const [signedOut, setSignedOut] = useState(false);
  // Without a session, the page stays as it is until the user has signed in again: an upload can be in progress.
  const [kept, setKept] = useState<Session>();
  if (session?.user && session !== kept) setKept(session);
  const others = useRef<BroadcastChannel>(undefined);
  const secret = useRef<string>(undefined);

  const look = useCallback(async (signal?: AbortSignal) => {
    let link: string | undefined;
    try {
      const found = await getSession({ ...here, signal });
      secret.current ??= takeSecret();
      if (!found.user && found.localSignIn) link = secret.current;
      secret.current = undefined;
      const fresh = link ? await signIn({ ...here, signal }, { secret: link }).catch(orElse(found)) : found;
      setSession(fresh);
      if (link) others.current?.postMessage(fresh.user);
      setOffline(false);
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof HeadwayError && error.temporary) secret.current = link;
      setOffline(error instanceof HeadwayError && error.temporary);
      if (error instanceof HeadwayError && !error.temporary) setSession(signedOutSession);
    }
  }, []);

  useEffect(() => {
    if (signedOut) return;
    const closing = new AbortController();
    void look(closing.signal);
    return () => closing.abort();
  }, [look, signedOut]);

  // A sign-in link for a page that is already open loads nothing.
  useEffect(() => {
    const followed = () => void look();
    addEventListener("hashchange", followed);
    return () => removeEventListener("hashchange", followed);
  }, [look]);

  useEffect(() => {
    if (!offline) return;
    const timer = setInterval(() => void look(), retryMs);
    return () => clearInterval(timer);
  }, [offline, look]);

  useEffect(() => {
    const channel = openChannel();
    if (!channel) return;
    channel.onmessage = ({ data: user }: MessageEvent<string | undefined>) => {
      setSignedOut(user === undefined);
      if (user === undefined) {
        setSession(signedOutSession);
        setKept(undefined);
      } else void look();
    };
    others.current = channel;
    return () => channel.close();
  }, [look]);

  // A local session is renewed when half of its lifetime is over.
  const expires = session?.user && session.localSignIn ? session.expiresAt : undefined;
  useEffect(() => {
    if (!expires) return;
    const delay = Math.min(Math.max((Date.parse(expires) - Date.now()) / 2, retryMs), maxDelayMs);
    const timer = setTimeout(() => {
      signIn(here).then(setSession, () => undefined); // the next attempt is made when the server refuses the cookie
    }, delay);
    return () => clearTimeout(timer);
  }, [expires]);

  const leave = useCallback(async () => {
    try {
      await signOut(here);
    } catch (error) {
      // Without a response, the cookie is still valid. A refusal means that there is no session.
      if (error instanceof HeadwayError && error.temporary) throw error;
    }
    setSignedOut(true);
    setSession(signedOutSession);
    setKept(undefined);
    others.current?.postMessage(undefined);
  }, []);

  const active = session?.user ? session : kept;
  const user = active?.user;
  // After a new sign-in, all streams and uploads that the server refused start again.
  const signedIn = session?.user !== undefined;
  const [round, setRound] = useState({ signedIn, number: 0 });
  if (round.signedIn !== signedIn) setRound({ signedIn, number: round.number + (signedIn ? 1 : 0) });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round needs a new connection
  const connection = useMemo(() => {
    const shared = user === undefined ? undefined : shareStreams({ ...here, user });
    // When another user signs in on another tab, this tab switches to that user.
    const transport: StreamTransport | undefined =
      shared &&
      ((...stream) =>
        shared(...stream).catch((error: unknown) => {
          if (error instanceof HeadwayError && error.reason === "USER_CHANGED") void look();
          throw error;
        }));
    return {
      ...here,
      transport,
      // The cookie is the credential. If the server refuses it, a local session is renewed, and other users must sign in
      // again.
      token: async (refused: boolean) => {
        if (refused) {
          const fresh = await signIn(here).catch(() => undefined);
          setSession((before) => fresh ?? signedOutSession(before));
        }
        return undefined;
      },
    };
  }, [user, look, round.number]);

  const value = useMemo(() => active && { ...active, signOut: leave }, [active, leave]);
  return (
    <>
      {!signedIn && (
        <SignIn
          waiting={!session}
          offline={offline}
          local={session?.localSignIn ?? false}
          expired={user}
          onSignedIn={(fresh) => {
            setSession(fresh);
            setSignedOut(false);
            others.current?.postMessage(fresh.user);
          }}
        />
      )}
      {value && (
        <HeadwayProvider connection={connection}>
          <SessionContext value={value}>
            {/* The key removes everything of one user before the next one sees the page. */}
            <div key={user} hidden={!signedIn}>
              {children}
            </div>
          </SessionContext>
        </HeadwayProvider>
      )}
    </>
  );
}

/** Returns an error handler. It returns the session if a retry can't succeed, for example after a link was used. */
const orElse = (session: Session) => (error: unknown) => {
  if (error instanceof HeadwayError && !error.temporary) return session;
  throw error;
};

/** The session without a user. It keeps what is known about the server. */
const signedOutSession = (before?: Session): Session => ({
  localSignIn: before?.localSignIn ?? false,
  maxUploadBytes: before?.maxUploadBytes ?? 0,
});
