package access

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/hostname"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
)

// Browsers wraps all routes. It rejects unknown host names (DNS rebinding), answers CORS preflights, and sets the security
// headers.
func (a *Access) Browsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSecurityHeaders(w.Header(), r)
		if !a.hostAllowed(r.Host) {
			httperr.Write(w, r, rpcerr.Newf(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_HOST_REFUSED,
				"This server does not accept the host name %q. Use its own address, or ask the operator to add the name to HEADWAY_TRUSTED_HOSTS.", hostname.WithoutPort(r.Host)))
			return
		}
		if done := a.cors(w, r); done {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// setSecurityHeaders sets the headers of every response. The web UI and the API viewer replace the content policy with
// their own.
func setSecurityHeaders(h http.Header, r *http.Request) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if ByTLS(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// hostAllowed reports whether the name in a Host header is one of this server's names. On loopback, these are only this
// machine's names: if another site's name was rebound to 127.0.0.1, its pages still send that name.
func (a *Access) hostAllowed(host string) bool {
	name := hostname.WithoutPort(host)
	if slices.ContainsFunc(a.cfg.TrustedHosts, func(trusted string) bool { return strings.EqualFold(trusted, name) }) {
		return true
	}
	if a.cfg.Loopback {
		return hostname.IsLoopback(name)
	}
	return len(a.cfg.TrustedHosts) == 0
}

const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, Last-Event-ID, X-Request-Id, " +
		"Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override"
	corsExposed = "X-Request-Id, Location, Content-Disposition, Retry-After, " +
		"Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Upload-Length, Upload-Metadata, Upload-Offset, Upload-Expires, Upload-Defer-Length, Upload-Concat"
	// corsMaxAge is how long a browser can cache the response to a preflight, in seconds.
	corsMaxAge = 600
)

// cors lets pages of allowed origins read responses (WHATWG Fetch §3.2), and answers preflights.
func (a *Access) cors(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	h := w.Header()
	if len(a.cfg.Origins) > 0 {
		h.Add("Vary", "Origin")
	}
	if origin == "" || SameOrigin(origin, r) {
		return false
	}
	if !slices.Contains(a.cfg.Origins, origin) {
		if preflight {
			httperr.Write(w, r, rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_ORIGIN_REFUSED,
				"Pages of this origin can't call this server. Ask the operator to add it to HEADWAY_CORS_ORIGINS."))
		}
		return preflight
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", corsExposed)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if !preflight {
		return false
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", allowedHeaders(r.Header.Get("Access-Control-Request-Headers")))
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Max-Age", fmt.Sprint(corsMaxAge))
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allowedHeaders returns the headers that pages of an allowed origin can send, which are all headers that they request.
// Tracing tools such as OpenTelemetry and Sentry add headers to every request of a page, and no such header grants a
// right.
func allowedHeaders(requested string) string {
	allowed := corsHeaders
	for name := range strings.SplitSeq(requested, ",") {
		if name = strings.TrimSpace(name); headerName.MatchString(name) {
			allowed += ", " + name
		}
	}
	return allowed
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
