import { type Session, signIn } from "@headway/client";
import { type FormEvent, useState } from "react";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { Logo } from "../../ui/Logo.js";
import { texts } from "../../ui/texts.js";

interface SignInViewProps {
  /** Nothing is known yet. */
  waiting: boolean;
  offline: boolean;
  /** The server signs its local user in without a token. */
  local: boolean;
  onSignedIn: (session: Session) => void;
}

/** Asks for a token, which the server turns into the session's cookie; the page does not keep it. */
export function SignInView({ waiting, offline, local, onSignedIn }: SignInViewProps) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const t = texts.session;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      onSignedIn(await signIn({ token: token.trim() || undefined }));
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <Logo />
      {offline ? (
        <section className="card" role="status">
          <h1>{t.offlineHeading}</h1>
          <p className="muted">{t.offlineLead}</p>
        </section>
      ) : waiting ? (
        <p className="muted" role="status">
          {t.checking}
        </p>
      ) : (
        <form className="card" onSubmit={submit}>
          <h1>{t.heading}</h1>
          {!local && (
            <>
              <p className="muted">{t.lead}</p>
              <label className="field">
                <span>{t.token}</span>
                <input
                  type="password"
                  autoComplete="off"
                  spellCheck={false}
                  required
                  value={token}
                  onChange={(event) => setToken(event.target.value)}
                />
              </label>
            </>
          )}
          <button className="button primary" type="submit" disabled={busy}>
            {busy ? t.submitting : t.submit}
          </button>
          {error ? <ErrorNote error={error} /> : null}
        </form>
      )}
    </main>
  );
}
