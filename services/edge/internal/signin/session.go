// Package signin starts, shows and ends the sessions of people.
package signin

import (
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/reqlog"
)

// Handler answers the routes of sessions.
type Handler struct {
	cfg Config
}

// Config holds a Handler's settings.
type Config struct {
	// Access identifies callers.
	Access *access.Access
	// Signer signs the local user's tokens. It is needed for LocalSignIn only.
	Signer *auth.Key
	// LocalSignIn lets a page on this machine sign in as LocalUser without a password.
	LocalSignIn bool
	// LocalUser is the subject of the local user.
	LocalUser string
	// SessionTTL is the lifetime of a local session.
	SessionTTL time.Duration
	// MaxUploadBytes is reported to pages, which refuse larger files before they send them.
	MaxUploadBytes int64
}

// New returns a Handler.
func New(cfg Config) *Handler { return &Handler{cfg} }

// session is who is calling, and what holds for them.
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

// Get answers GET /api/v1/session, which needs no token: who is signed in, and what holds for them.
func (h *Handler) Get(w http.ResponseWriter, r *http.Request) {
	id, _ := h.cfg.Access.Optional(r)
	reqlog.From(r.Context()).Subject = id.Subject
	httperr.WriteJSON(w, http.StatusOK, h.session(id))
}

// SignIn answers POST /api/v1/session. With a token in the Authorization header it puts that token into the session's
// cookie, for pages whose users sign in elsewhere. Without one it signs the local user in, where that is switched on
// and a page of this very server asks for it under a loopback name.
func (h *Handler) SignIn(w http.ResponseWriter, r *http.Request) {
	var token string
	if header := r.Header.Get("Authorization"); header != "" {
		if token = auth.BearerToken(header); token == "" {
			httperr.Write(w, r, rpcerr.Token(auth.ErrInvalid))
			return
		}
	} else {
		var err error
		if token, err = h.localToken(r); err != nil {
			httperr.Write(w, r, err)
			return
		}
	}
	id, _, err := h.cfg.Access.Verify(r, token)
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	reqlog.From(r.Context()).Subject = id.Subject
	http.SetCookie(w, &http.Cookie{
		Name: access.CookieName, Value: token, Path: "/", Expires: id.ExpiresAt, HttpOnly: true, Secure: access.ByTLS(r),
		SameSite: http.SameSiteStrictMode,
	})
	httperr.WriteJSON(w, http.StatusOK, h.session(id))
}

// localToken signs the local user's token, if this request may have it. Whoever can open a loopback connection can
// send any header, so this keeps out other sites' pages, not other users of the machine.
func (h *Handler) localToken(r *http.Request) (string, error) {
	if !h.cfg.LocalSignIn {
		return "", rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_SIGN_IN_UNAVAILABLE,
			"This server has no local sign-in; send a token as `Authorization: Bearer TOKEN`.")
	}
	// The name must be the machine's own: trusted hosts are names under which others may reach it.
	if !access.IsLoopbackName(access.HostName(r.Host)) || forwarded(r.Header) {
		return "", rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_HOST_REFUSED,
			"The local sign-in answers only on this machine's own address, like http://127.0.0.1:8080, and not through a proxy.")
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	ours := origin != "" || site != ""
	if origin != "" && !access.SameOrigin(origin, r) || site != "" && site != "same-origin" {
		ours = false
	}
	if !ours {
		return "", rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_ORIGIN_REFUSED,
			"The local sign-in is for this server's own page; programs get a token with: headway token --sub NAME.")
	}
	token, err := h.cfg.Signer.Sign(auth.Identity{Subject: h.cfg.LocalUser}, h.cfg.SessionTTL)
	if err != nil {
		return "", rpcerr.Internal(err)
	}
	return token, nil
}

// forwarded tells whether a proxy says that it passed the request on for somebody else.
func forwarded(h http.Header) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

// SignOut answers DELETE /api/v1/session: it clears the cookie. Signing out when nobody is signed in is fine.
func (h *Handler) SignOut(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie(access.CookieName); err == nil && !h.cfg.Access.FromOwnPage(r) {
		httperr.Write(w, r, access.ErrForeignPage())
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: access.CookieName, Path: "/", MaxAge: -1, HttpOnly: true, Secure: access.ByTLS(r), SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}
