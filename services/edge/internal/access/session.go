package access

import (
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/reqlog"
)

// session is who is calling, and what holds for them.
type session struct {
	User           string     `json:"user,omitempty"`
	ExpiresAt      *time.Time `json:"expiresAt,omitempty"`
	LocalSignIn    bool       `json:"localSignIn"`
	MaxUploadBytes int64      `json:"maxUploadBytes"`
}

func (a *Access) session(id auth.Identity) session {
	s := session{User: id.Subject, LocalSignIn: a.cfg.LocalSignIn, MaxUploadBytes: a.cfg.MaxUploadBytes}
	if !id.ExpiresAt.IsZero() {
		expires := id.ExpiresAt.UTC()
		s.ExpiresAt = &expires
	}
	return s
}

// GetSession answers GET /api/v1/session, which needs no token: who is signed in, and what holds for them.
func (a *Access) GetSession(w http.ResponseWriter, r *http.Request) {
	id, _ := a.optional(r)
	reqlog.From(r.Context()).Subject = id.Subject
	writeJSON(w, http.StatusOK, a.session(id))
}

// SignIn answers POST /api/v1/session. With a token in the Authorization header it puts that token into the session's
// cookie, for pages whose users sign in elsewhere. Without one it signs the local user in, where that is switched on
// and a page of this very server asks for it under a loopback name.
func (a *Access) SignIn(w http.ResponseWriter, r *http.Request) {
	var token string
	if header := r.Header.Get("Authorization"); header != "" {
		if token = auth.BearerToken(header); token == "" {
			httperr.Write(w, r, rpcerr.Token(auth.ErrInvalid))
			return
		}
	} else {
		var err error
		if token, err = a.localToken(r); err != nil {
			httperr.Write(w, r, err)
			return
		}
	}
	id, _, err := a.verify(r, token)
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	reqlog.From(r.Context()).Subject = id.Subject
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: token, Path: "/", Expires: id.ExpiresAt, HttpOnly: true, Secure: byTLS(r),
		SameSite: http.SameSiteStrictMode,
	})
	writeJSON(w, http.StatusOK, a.session(id))
}

// localToken signs the local user's token, if this request may have it. Whoever can open a loopback connection can
// send any header, so this keeps out other sites' pages, not other users of the machine.
func (a *Access) localToken(r *http.Request) (string, error) {
	if !a.cfg.LocalSignIn {
		return "", rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_SIGN_IN_UNAVAILABLE,
			"This server has no local sign-in; send a token as `Authorization: Bearer TOKEN`.")
	}
	// The name must be the machine's own: trusted hosts are names under which others may reach it.
	if !isLoopbackName(hostName(r.Host)) || forwarded(r.Header) {
		return "", rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_HOST_REFUSED,
			"The local sign-in answers only on this machine's own address, like http://127.0.0.1:8080, and not through a proxy.")
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	ours := origin != "" || site != ""
	if origin != "" && !sameOrigin(origin, r) || site != "" && site != "same-origin" {
		ours = false
	}
	if !ours {
		return "", rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_ORIGIN_REFUSED,
			"The local sign-in is for this server's own page; programs get a token with: headway token --sub NAME.")
	}
	token, err := a.cfg.Signer.Sign(auth.Identity{Subject: a.cfg.LocalUser}, a.cfg.SessionTTL)
	if err != nil {
		return "", rpcerr.Internal(err)
	}
	return token, nil
}

// byTLS tells whether the browser's connection is encrypted, here or at the proxy before. A caller that makes the header
// up gets a cookie that it sends less often.
func byTLS(r *http.Request) bool { return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" }

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
func (a *Access) SignOut(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie(CookieName); err == nil && !a.fromOwnPage(r) {
		httperr.Write(w, r, errForeignPage())
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Path: "/", MaxAge: -1, HttpOnly: true, Secure: byTLS(r), SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}
