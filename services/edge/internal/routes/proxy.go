package routes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/reqlog"
)

const (
	// UserHeader is the header with the caller's name for an upstream. An upstream can trust it only if no other program
	// can reach the upstream.
	UserHeader = "X-Headway-User"
	// IdentityHeader is the header with the caller's name in a signed token, which an upstream can trust in any network.
	IdentityHeader = "X-Headway-Identity"
	// ownHeaders is the prefix of headers that only this server sets.
	ownHeaders = "X-Headway-"
	// identityLife is how long the token is valid. An upstream checks it when a request arrives.
	identityLife = time.Minute
)

// isOwnHeader reports whether a header is one that only this server sets. CGI and WSGI servers treat an underscore
// like a hyphen, so a client must not be able to send either.
func isOwnHeader(name string) bool {
	name = strings.ReplaceAll(name, "_", "-")
	return len(name) >= len(ownHeaders) && strings.EqualFold(name[:len(ownHeaders)], ownHeaders)
}

// identity returns a signed token (RFC 7519, HS256) with the caller's name for the upstream.
func (r *Route) identity(user string) (string, error) {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: "headway", Subject: user, Audience: jwt.ClaimStrings{r.upstream.Scheme + "://" + r.upstream.Host},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(identityLife)),
	}).SignedString(r.secret)
	if err != nil {
		return "", fmt.Errorf("sign the caller's name: %w", err)
	}
	return token, nil
}

// newProxy forwards requests to another service, including streams. The upstream gets the caller's name, but neither
// the token nor the session's cookie.
func newProxy(route *Route) http.Handler {
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // forward data immediately
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(route.upstream)
			p.SetXForwarded()
			for _, header := range []http.Header{p.Out.Header, p.Out.Trailer} {
				maps.DeleteFunc(header, func(name string, _ []string) bool { return isOwnHeader(name) })
			}
			p.Out.Header.Set(reqlog.Header, reqlog.From(p.In.Context()).ID)
			if *route.AuthRequired {
				p.Out.URL.RawQuery = withoutToken(p.Out.URL.RawQuery)
				p.Out.Header.Del("Authorization")
				as, _ := auth.FromContext(p.In.Context())
				p.Out.Header.Set(UserHeader, as.Subject)
				if token := p.In.Context().Value(forwardedKey{}).(forwarded).identity; token != "" {
					p.Out.Header.Set(IdentityHeader, token)
				}
			}
			withoutSession(p)
		},
		ModifyResponse: func(answer *http.Response) error {
			own := answer.Request.Context().Value(forwardedKey{}).(forwarded).header
			for name := range answer.Header {
				switch {
				case strings.HasPrefix(name, "Access-Control-"), name == reqlog.Header, name == noBuffering:
					answer.Header.Del(name) // this server's own are right
				case name != "Vary":
					own.Del(name) // the upstream's is more specific, and both together are not valid
				}
			}
			withoutNewSession(answer.Header)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.DeadlineExceeded) {
				httperr.WriteStatus(w, r, http.StatusGatewayTimeout, unreachable("The upstream of this route did not respond in time. Try again.", err))
				return
			}
			httperr.WriteStatus(w, r, http.StatusBadGateway, unreachable("The upstream of this route can't be reached. Try again in a few seconds.", err))
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(noBuffering, "no")
		f := forwarded{header: w.Header()}
		if route.secret != nil {
			as, _ := auth.FromContext(r.Context())
			var err error
			if f.identity, err = route.identity(as.Subject); err != nil {
				httperr.Write(w, r, rpcerr.Internal(err))
				return
			}
		}
		r = r.WithContext(context.WithValue(r.Context(), forwardedKey{}, f))
		if route.Timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), time.Duration(route.Timeout))
			defer cancel()
			r = r.WithContext(ctx)
		}
		proxy.ServeHTTP(w, r)
	})
}

// forwarded has the signed token of a request, if its route has a secret, and the headers of its response.
type forwarded struct {
	identity string
	header   http.Header
}

// forwardedKey is the key of forwarded in a request's context.
type forwardedKey struct{}

// noBuffering is the header that stops nginx from buffering a response.
const noBuffering = "X-Accel-Buffering"

// withoutToken removes the token from a query, and leaves the rest as the client has written it.
func withoutToken(query string) string {
	pairs := strings.Split(query, "&")
	return strings.Join(slices.DeleteFunc(pairs, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(name)
		return err == nil && decoded == "token"
	}), "&")
}

func unreachable(message string, cause error) error {
	return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, message, cause)
}

// withoutNewSession removes the cookies of sessions from a response. Otherwise, an upstream could replace the session of a user
// with that of another one, or end it. Browsers send a cookie without a name as its value, which could look like one of a session.
func withoutNewSession(answer http.Header) {
	cookies := answer.Values("Set-Cookie")
	answer.Del("Set-Cookie")
	for _, cookie := range cookies {
		pair, _, _ := strings.Cut(cookie, ";")
		name, _, named := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); !named || name == "" || access.IsSessionCookie(name) {
			continue
		}
		answer.Add("Set-Cookie", cookie)
	}
}

// withoutSession removes the cookies of sessions from a request, and leaves all others.
func withoutSession(p *httputil.ProxyRequest) {
	cookies := p.Out.Cookies()
	p.Out.Header.Del("Cookie")
	for _, cookie := range cookies {
		if !access.IsSessionCookie(cookie.Name) {
			p.Out.AddCookie(cookie)
		}
	}
}
