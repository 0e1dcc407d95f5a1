// Package signin starts, shows, and ends the sessions of users.
package signin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/hostname"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/reqlog"
)

// Handler answers the routes of sessions.
type Handler struct {
	cfg   Config
	links links
}

// Config holds a Handler's settings.
type Config struct {
	// Access identifies callers.
	Access *access.Access
	// Signer signs the local user's tokens. It is needed for LocalSignIn only.
	Signer *auth.Key
	// LocalSignIn lets a user of this machine sign in as LocalUser with a link that the program prints.
	LocalSignIn bool
	// LocalUser is the subject of the local user.
	LocalUser string
	// SessionTTL is the lifetime of a local session.
	SessionTTL time.Duration
	// BasePath is the prefix of all paths, without a slash at its end.
	BasePath string
	// MaxUploadBytes is reported to pages, which refuse larger files before they send them.
	MaxUploadBytes int64
}

// New returns a Handler.
func New(cfg Config) *Handler { return &Handler{cfg: cfg} }

// session is the answer to every request for a session.
type session struct {
	User           string     `json:"user,omitempty"`
	ExpiresAt      *time.Time `json:"expiresAt,omitempty"`
	LocalSignIn    bool       `json:"localSignIn"`
	MaxUploadBytes int64      `json:"maxUploadBytes"`
}

func (h *Handler) session(id auth.Identity) session {
	s := session{User: id.Subject, LocalSignIn: h.cfg.LocalSignIn, MaxUploadBytes: h.cfg.MaxUploadBytes}
	if !id.ExpiresAt.IsZero() {
		expires := id.ExpiresAt.UTC()
		s.ExpiresAt = &expires
	}
	return s
}

// Get answers GET /api/v1/session, which needs no token: it returns the signed-in user, and information about this
// server for the page.
func (h *Handler) Get(w http.ResponseWriter, r *http.Request) {
	id, _ := h.cfg.Access.Optional(r)
	reqlog.From(r.Context()).Subject = id.Subject
	httperr.WriteJSON(w, http.StatusOK, h.session(id))
}

// maxBodyBytes is the maximum size of a sign-in's body.
const maxBodyBytes = 4 << 10

// SignIn answers POST /api/v1/session. It accepts one of these, and starts a session:
//
//   - A token in the Authorization header, for pages whose users sign in elsewhere.
//   - The secret of a sign-in link, which signs the local user in.
//   - The local user's cookie, which gets a new lifetime.
func (h *Handler) SignIn(w http.ResponseWriter, r *http.Request) {
	token, err := auth.BearerToken(r.Header.Values("Authorization")...)
	if err != nil {
		httperr.Write(w, r, rpcerr.Token(err))
		return
	}
	secret, err := readSecret(w, r)
	if err == nil && token == "" {
		token, err = h.localToken(r, secret)
	}
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	caller, err := h.cfg.Access.Verify(r, token)
	if err == nil {
		err = h.cfg.Access.SigningIn(caller.Subject)
	}
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	id := caller.Identity
	reqlog.From(r.Context()).Subject = id.Subject
	cookie, err := h.cfg.Access.NewCookie(token)
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: h.cfg.Access.CookieName(r), Value: cookie, Path: access.CookiePath(r), Expires: id.ExpiresAt, HttpOnly: true, Secure: access.ByTLS(r),
		SameSite: http.SameSiteStrictMode,
	})
	httperr.WriteJSON(w, http.StatusOK, h.session(id))
}

// localToken returns a new token for the local user if this request may have one. The secret or the cookie proves that
// the user can read what the program prints, or its data directory. The other checks keep the pages of other sites from
// using up a secret.
func (h *Handler) localToken(r *http.Request, secret string) (string, error) {
	if err := h.available(r); err != nil {
		return "", err
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	ours := origin != "" || site != ""
	if origin != "" && !access.SameOrigin(origin, r) || site != "" && site != "same-origin" {
		ours = false
	}
	if !ours {
		return "", rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_ORIGIN_REFUSED,
			"Only this server's own page can use the local sign-in. Programs get a token with: headway token --sub NAME.")
	}
	if secret != "" {
		if !h.links.redeem(secret, time.Now()) {
			return "", errLink("This sign-in link was already used, or has expired. To get a new one, run: headway open")
		}
		return h.sign()
	}
	old, err := h.cfg.Access.FromCookie(r)
	if err != nil || old.Subject != h.cfg.LocalUser {
		return "", errLink("To sign in, open the address that Headway printed when it started. To get a new one, run: headway open")
	}
	fresh, err := h.sign()
	if err != nil {
		return "", err
	}
	// Requests that are in transit with the old one still succeed.
	if err := h.cfg.Access.Revoke(r.Context(), old.Session, time.Now().Add(renewalOverlap), old.ExpiresAt); err != nil {
		return "", rpcerr.StorageFailed(err)
	}
	return fresh, nil
}

// renewalOverlap is how long a session's old cookie works after the session was renewed.
const renewalOverlap = time.Minute

func (h *Handler) sign() (string, error) {
	token, err := h.cfg.Signer.Sign(auth.Identity{Subject: h.cfg.LocalUser}, h.cfg.SessionTTL)
	if err != nil {
		return "", rpcerr.Internal(err)
	}
	return token, nil
}

// available returns an error unless there is a local sign-in, and the request was sent to this machine's own address.
func (h *Handler) available(r *http.Request) error {
	if !h.cfg.LocalSignIn {
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_SIGN_IN_UNAVAILABLE,
			"This server has no local sign-in. Send a token as `Authorization: Bearer TOKEN`.")
	}
	// The name must be this machine's own, because other machines might reach it by a trusted host name.
	if !hostname.IsLoopback(hostname.WithoutPort(r.Host)) || forwarded(r.Header) {
		return rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_HOST_REFUSED,
			"The local sign-in works only at this machine's own address, for example http://127.0.0.1:8080, and not through a proxy.")
	}
	return nil
}

// readSecret returns the secret in the body, or "" if there is none.
func readSecret(w http.ResponseWriter, r *http.Request) (string, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		return "", rpcerr.Invalid("body", fmt.Sprintf("The body must be complete, and at most %d bytes long.", maxBodyBytes))
	}
	var body struct {
		Secret string `json:"secret"`
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return "", nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return "", httperr.JSONOnly()
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&body)
	if _, end := decoder.Token(); err != nil || end != io.EOF || !utf8.Valid(text) || text[0] != '{' {
		return "", rpcerr.Invalid("body", `The body must be JSON, for example {"secret":"…"}.`)
	}
	return body.Secret, nil
}

func errLink(message string) error {
	return rpcerr.New(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_SIGN_IN_LINK_INVALID, message)
}

// newLink is the answer to a request for a sign-in link.
type newLink struct {
	Path      string    `json:"path"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// CreateLink answers POST /api/v1/session/links: it returns a new sign-in link to the local user, whose token proves
// access to the signing key. It must be inside access.Required.
func (h *Handler) CreateLink(w http.ResponseWriter, r *http.Request) {
	err := h.available(r)
	if id, _ := auth.FromContext(r.Context()); err == nil && id.Subject != h.cfg.LocalUser {
		err = rpcerr.Newf(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
			"Sign-in links are for the user %q only. Your token is for %q.", h.cfg.LocalUser, id.Subject)
	}
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	secret, expires := h.links.issue(time.Now())
	httperr.WriteJSON(w, http.StatusCreated, newLink{h.cfg.BasePath + "/" + Fragment + secret, expires.UTC()})
}

// Link returns the path of a new sign-in link. It returns "" if there is no local sign-in.
func (h *Handler) Link() string {
	if !h.cfg.LocalSignIn {
		return ""
	}
	secret, _ := h.links.issue(time.Now())
	return h.cfg.BasePath + "/" + Fragment + secret
}

// SignOut answers DELETE /api/v1/session: it ends the session and its streams, and deletes the cookie. The token that created the
// session stays valid. SignOut succeeds even if the caller is not signed in.
func (h *Handler) SignOut(w http.ResponseWriter, r *http.Request) {
	ended := []string{h.cfg.Access.CookieName(r)}
	if len(h.cfg.Access.SessionCookies(r)) > 0 {
		if !h.cfg.Access.FromOwnPage(r) {
			httperr.Write(w, r, access.ErrCrossOrigin())
			return
		}
		cookies, err := h.cfg.Access.EndSessions(r)
		if err != nil {
			httperr.Write(w, r, err)
			return
		}
		ended = append(ended, cookies...)
	}
	slices.Sort(ended)
	for _, name := range slices.Compact(ended) {
		http.SetCookie(w, &http.Cookie{
			Name: name, Path: access.CookiePath(r), MaxAge: -1, HttpOnly: true, Secure: access.ByTLS(r), SameSite: http.SameSiteStrictMode,
		})
	}
	w.WriteHeader(http.StatusNoContent)
}

// forwarded reports whether a proxy has declared that it forwarded the request.
func forwarded(h http.Header) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}
