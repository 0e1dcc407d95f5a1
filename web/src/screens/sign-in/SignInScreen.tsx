import { signIn } from "@headway/client";
import { type FormEvent, useState } from "react";
import { t } from "../../messages/index.js";
import type { SignInProps } from "../../shell/session.js";
import { base } from "../../ui/base.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { LanguageChoice } from "../../ui/LanguageChoice.js";
import { Logo } from "../../ui/Logo.js";

/** Asks for a token, which the server exchanges for the session's cookie. The page does not store it. */
export function SignInScreen({ waiting, offline, local, expired, onSignedIn }: SignInProps) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

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
          {t("signIn.expired", { user: expired })}
        </p>
      )}
      {offline ? (
        <section className="card" role="status">
          <h1>{t("signIn.offlineHeading")}</h1>
          <p className="muted">{t("signIn.offlineLead")}</p>
        </section>
      ) : waiting ? (
        <p className="muted" role="status">
          {t("signIn.checking")}
        </p>
      ) : local ? (
        <section className="card">
          <h1>{t("signIn.heading")}</h1>
          <p className="muted">{t("signIn.localLead")}</p>
          <p className="muted">
            {t("signIn.localHint")} <code>headway open</code>
          </p>
        </section>
      ) : (
        <form className="card" onSubmit={submit}>
          <h1>{t("signIn.heading")}</h1>
          <p className="muted">{t("signIn.lead")}</p>
          <label className="field">
            <span>{t("signIn.token")}</span>
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
            {busy ? t("signIn.submitting") : t("signIn.submit")}
          </button>
          {error ? <ErrorNote error={error} /> : null}
        </form>
      )}
      <LanguageChoice />
    </main>
  );
}
