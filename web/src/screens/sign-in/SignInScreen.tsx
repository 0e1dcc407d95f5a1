import { signIn } from "@headway/client";
import { type FormEvent, useState } from "react";
import type { SignInProps } from "../../shell/session.js";
import { base } from "../../ui/base.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { Logo } from "../../ui/Logo.js";
import { texts } from "./texts.js";

/** Asks for a token, which the server exchanges for the session's cookie. The page does not store it. */
export function SignInScreen({ waiting, offline, local, expired, onSignedIn }: SignInProps) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const t = texts;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      onSignedIn(await signIn({ baseUrl: base, token: token.trim() || undefined }));
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <Logo />
      {expired !== undefined && (
        <p className="note" role="status">
          {t.expired(expired)}
        </p>
      )}
      {offline ? (
        <section className="card" role="status">
          <h1>{t.offlineHeading}</h1>
          <p className="muted">{t.offlineLead}</p>
        </section>
      ) : waiting ? (
        <p className="muted" role="status">
          {t.checking}
        </p>
      ) : local ? (
        <section className="card">
          <h1>{t.heading}</h1>
          <p className="muted">{t.localLead}</p>
          <p className="muted">
            {t.localHint} <code>headway open</code>
          </p>
        </section>
      ) : (
        <form className="card" onSubmit={submit}>
          <h1>{t.heading}</h1>
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
          <button className="button primary" type="submit" disabled={busy}>
            {busy ? t.submitting : t.submit}
          </button>
          {error ? <ErrorNote error={error} /> : null}
        </form>
      )}
    </main>
  );
}
