package routes

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/reqlog"
)

// UserHeader is the header with the caller's name for an upstream. An upstream can trust it only if no other program
// can reach the upstream.
const UserHeader = "X-Headway-User"

// ownHeaders is the prefix of headers that only this server sets.
const ownHeaders = "X-Headway-"

// newProxy forwards requests to another service, including streams. The upstream gets the caller's name, but neither
// the token nor the session's cookie.
func newProxy(route *Route) http.Handler {
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // forward data immediately
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(route.upstream)
			p.SetXForwarded()
			for name := range p.Out.Header {
				if strings.HasPrefix(name, ownHeaders) {
					p.Out.Header.Del(name)
				}
			}
			p.Out.Header.Set(reqlog.Header, reqlog.From(p.In.Context()).ID)
			query := p.Out.URL.Query()
			if *route.AuthRequired {
				query.Del("token")
				p.Out.Header.Del("Authorization")
				as, _ := auth.FromContext(p.In.Context())
				p.Out.Header.Set(UserHeader, as.Subject)
			}
			p.Out.URL.RawQuery = query.Encode()
			withoutSession(p)
		},
		ModifyResponse: func(answer *http.Response) error {
			for name := range answer.Header {
				if strings.HasPrefix(name, "Access-Control-") { // this server answers for other origins
					answer.Header.Del(name)
				}
			}
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
		w.Header().Set("X-Accel-Buffering", "no")
		if route.Timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), time.Duration(route.Timeout))
			defer cancel()
			r = r.WithContext(ctx)
		}
		proxy.ServeHTTP(w, r)
	})
}

func unreachable(message string, cause error) error {
	return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, message, cause)
}

// withoutSession removes the session's cookie from a request, and leaves all others.
func withoutSession(p *httputil.ProxyRequest) {
	session := access.CookieName(p.In)
	cookies := p.Out.Cookies()
	p.Out.Header.Del("Cookie")
	for _, cookie := range cookies {
		if cookie.Name != session {
			p.Out.AddCookie(cookie)
		}
	}
}
