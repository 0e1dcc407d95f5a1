package access

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/mount"
)

// The cookie of a session contains an encrypted token, and an ID of the session. Signing out revokes the session, so the token
// that made it still works elsewhere. A copy of the cookie is worthless then, because only the edge can get the token out of it.

// cookieName is the name of the session's cookie. With TLS, it has a prefix. Browsers accept a name that starts with __Host- only
// from an encrypted connection, for the whole host and for no other (RFC 6265bis §4.1.3.2). Below a path prefix, the cookie is for
// that prefix only, because other paths belong to other programs, and the name starts with __Secure-. The name ends with an ID of
// this Headway, because browsers send cookies to all ports of a host: the session of another one there would replace this one.
const cookieName = "headway_session"

const (
	hostPrefix   = "__Host-"
	securePrefix = "__Secure-"
)

// longestID is as long as an ID in a name can be.
const longestID = "_01234567"

// maxCookieBytes is the longest cookie that browsers store, with its name (RFC 6265 §6.1). They drop longer ones silently.
const maxCookieBytes = 4096

// CookieName returns the name of the session's cookie on the request's connection.
func (a *Access) CookieName(r *http.Request) string {
	return prefixed(r) + "_" + cmp.Or(a.cfg.Instance, a.cfg.Sessions.ID())
}

// prefixed returns the name of the session's cookie without the ID.
func prefixed(r *http.Request) string {
	switch {
	case !ByTLS(r):
		return cookieName
	case mount.Base(r.Context()) != "":
		return securePrefix + cookieName
	}
	return hostPrefix + cookieName
}

// SessionCookies returns the cookies that can have a session of this connection, that with the current name first. The others are
// from before the key was replaced, from a version without IDs, or from another program of this host.
func (a *Access) SessionCookies(r *http.Request) []*http.Cookie {
	current, prefix := a.CookieName(r), prefixed(r)
	cookies := r.CookiesNamed(current)
	for _, cookie := range r.Cookies() {
		if cookie.Name != current && isNamed(cookie.Name, prefix) {
			cookies = append(cookies, cookie)
		}
	}
	return cookies
}

// isNamed reports whether a cookie has a name, alone or with an ID.
func isNamed(cookie, name string) bool {
	rest, found := strings.CutPrefix(cookie, name)
	return found && (rest == "" || rest[0] == '_')
}

// IsSessionCookie reports whether a cookie can have a session, on any connection to this host. A browser also sends those of other
// kinds of connections: an unencrypted session's on encrypted ones, and a session's of the whole host below every path.
func IsSessionCookie(name string) bool {
	return isNamed(name, cookieName) || isNamed(name, hostPrefix+cookieName) || isNamed(name, securePrefix+cookieName)
}

// CookiePath returns the path of the session's cookie.
func CookiePath(r *http.Request) string { return mount.Base(r.Context()) + "/" }

// NewCookie returns the value of the cookie of a new session with a token.
func (a *Access) NewCookie(token string) (string, error) {
	session := make([]byte, sessionBytes)
	_, _ = rand.Read(session) // never fails (crypto/rand)
	cookie := a.cfg.Sessions.Seal(append(session, packed(token)...))
	if n := len(securePrefix) + len(cookieName) + len(longestID) + len(cookie); n > maxCookieBytes {
		return "", rpcerr.Newf(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID,
			"The token is too long for a cookie: it needs %d bytes, and browsers store %d. Ask your identity provider for a token with fewer claims, or send the token with each request.", n, maxCookieBytes)
	}
	return cookie, nil
}

// sessionBytes is the length of a session's ID.
const sessionBytes = 16

// openCookie returns the session and the token in a cookie. It reports false if the edge did not make the cookie.
func (a *Access) openCookie(value string) (session, token string, ok bool) {
	plain, ok := a.cfg.Sessions.Open(value)
	if !ok || len(plain) < sessionBytes {
		return "", "", false
	}
	return fmt.Sprintf("%x", plain[:sessionBytes]), unpacked(plain[sessionBytes:]), true
}

// packed returns a token without its Base64, which the cookie adds again: otherwise, it would be a third longer. A text that
// is not exactly a token stays as it is.
func packed(token string) []byte {
	out := []byte{1}
	for i, part := range strings.Split(token, ".") {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(decoded) > 1<<16-1 || base64.RawURLEncoding.EncodeToString(decoded) != part || i > tokenDots {
			return append([]byte{0}, token...)
		}
		out = append(out, byte(len(decoded)>>8), byte(len(decoded)))
		out = append(out, decoded...)
	}
	return out
}

// unpacked returns the token that was packed.
func unpacked(b []byte) string {
	if form, ok := bytes.CutPrefix(b, []byte{1}); ok {
		var parts []string
		for len(form) >= 2 {
			n := int(form[0])<<8 | int(form[1])
			if n > len(form)-2 {
				break
			}
			parts = append(parts, base64.RawURLEncoding.EncodeToString(form[2:2+n]))
			form = form[2+n:]
		}
		return strings.Join(parts, ".")
	}
	return string(bytes.TrimPrefix(b, []byte{0}))
}
