// Package access says who may do what at the edge: it reads tokens, cookies and one-time tickets, keeps foreign pages
// and rebound names out, and signs people in and out.
package access

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcclient"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/reqlog"
)

// The names of the session's cookie, which holds a token. Browsers accept a name that starts with __Host- only from an
// encrypted connection, for the whole host and for no other (RFC 6265bis §4.1.3.2).
const (
	cookieName       = "headway_session"
	secureCookieName = "__Host-" + cookieName
)

// CookieName returns the name of the session's cookie on the request's connection.
func CookieName(r *http.Request) string {
	if ByTLS(r) {
		return secureCookieName
	}
	return cookieName
}

// Config says who is let in.
type Config struct {
	// Verifier checks tokens.
	Verifier auth.Verifier
	// Loopback says that the listener is on a loopback address, where only this machine's names are answered to.
	Loopback bool
	// TrustedHosts are further names that the Host header may hold, without a port. Empty on a listener that is not on
	// loopback: any.
	TrustedHosts []string
	// Origins are the foreign origins (https://app.example.com) whose pages may call.
	Origins []string
	// RequestsPerSecond and RequestBurst bound how often a user may call; streams are bounded by their number. 0 for no
	// limit.
	RequestsPerSecond float64
	RequestBurst      int
	// Revoked lists the tokens of sessions that were signed out. Needed.
	Revoked *Revoked
	// RefuseStream answers requests for streams that are not let in.
	RefuseStream func(http.ResponseWriter, *http.Request, error)
}

// Access lets requests in, or not. Safe for concurrent use.
type Access struct {
	cfg     Config
	tickets *tickets
	revoked *Revoked
	rates   *rates
}

// New makes the access control of an edge.
func New(cfg Config) *Access {
	return &Access{cfg: cfg, tickets: newTickets(), revoked: cfg.Revoked, rates: newRates(cfg.RequestsPerSecond, cfg.RequestBurst)}
}

// ParseOrigin checks an origin as browsers write it: scheme, host and, where it is not the scheme's own, port.
func ParseOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != text {
		return fmt.Errorf("%q is no origin: write scheme, host and port only, like https://app.example.com", text)
	}
	return nil
}

type tokenKey struct{}

// Outgoing gives the context for calls that a service answers on behalf of this request's caller: it carries their
// token and the request's id.
func Outgoing(ctx context.Context) context.Context {
	return metadata.NewOutgoingContext(ctx, Metadata(ctx))
}

// Metadata is what Outgoing puts into a call's headers.
func Metadata(ctx context.Context) metadata.MD {
	md := metadata.Pairs(rpcclient.RequestIDHeader, reqlog.From(ctx).ID)
	if token, ok := ctx.Value(tokenKey{}).(string); ok {
		md.Set("authorization", "Bearer "+token)
	}
	return md
}

// Required lets only requests with a good token or session through; the handler finds the identity by
// auth.FromContext.
func (a *Access) Required(next http.Handler) http.Handler {
	return a.admit(next, false)
}

// RequiredForStream is Required for streams, which may also bring a one-time ticket.
func (a *Access) RequiredForStream(next http.Handler) http.Handler {
	return a.admit(next, true)
}

func (a *Access) admit(next http.Handler, isStream bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, token, err := a.identify(r, isStream)
		if err != nil && isStream {
			a.cfg.RefuseStream(w, r, err)
			return
		}
		if err != nil {
			httperr.Write(w, r, err)
			return
		}
		reqlog.From(r.Context()).Subject = id.Subject
		if !isStream && !a.rates.take(id.Subject, time.Now()) {
			httperr.Write(w, r, rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
				"You make more than the %g requests a second that a user may; wait and try again.", a.cfg.RequestsPerSecond))
			return
		}
		ctx := context.WithValue(auth.NewContext(r.Context(), id), tokenKey{}, token)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// identify returns the caller and the token that proves it: that of the Authorization header, or of a ticket where
// tickets are accepted, or of the cookie. A header of another scheme than Bearer is a proxy's: it counts only if there is
// neither a ticket nor a cookie.
func (a *Access) identify(r *http.Request, ticketsToo bool) (auth.Identity, string, error) {
	header := r.Header.Get("Authorization")
	if token := auth.BearerToken(header); token != "" {
		return a.Verify(r, token)
	}
	if ticket := r.URL.Query().Get("token"); ticket != "" {
		if !ticketsToo {
			return auth.Identity{}, "", rpcerr.New(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING,
				"Only streams take a ticket as ?token=; send a token as `Authorization: Bearer TOKEN`.")
		}
		id, token, err := a.tickets.redeem(ticket)
		if err == nil && a.revoked.Has(token) {
			err = rpcerr.Token(auth.ErrExpired)
		}
		return id, token, err
	}
	if _, err := r.Cookie(CookieName(r)); err != nil && header != "" {
		return auth.Identity{}, "", rpcerr.Token(auth.ErrInvalid)
	}
	return a.FromCookie(r)
}

// FromCookie returns the identity that the session's cookie proves, and its token.
func (a *Access) FromCookie(r *http.Request) (auth.Identity, string, error) {
	cookie, err := r.Cookie(CookieName(r))
	if err != nil {
		return auth.Identity{}, "", rpcerr.Token(auth.ErrMissing)
	}
	if !safe(r.Method) && !a.FromOwnPage(r) {
		return auth.Identity{}, "", ErrForeignPage()
	}
	return a.Verify(r, cookie.Value)
}

// Revoke ends a token at a time before it expires.
func (a *Access) Revoke(token string, ends, expires time.Time) error {
	return a.revoked.Add(token, ends, expires)
}

// Verify returns the identity that a token proves, and the token.
func (a *Access) Verify(r *http.Request, token string) (auth.Identity, string, error) {
	id, err := a.cfg.Verifier.Verify(r.Context(), token)
	if err == nil && a.revoked.Has(token) {
		err = fmt.Errorf("%w: its session was signed out", auth.ErrExpired)
	}
	if err != nil {
		return auth.Identity{}, "", rpcerr.Token(err)
	}
	return id, token, nil
}

// safe methods change nothing (RFC 9110 §9.2.1), so a foreign page gains nothing by making a browser send them.
func safe(method string) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, method)
}

// FromOwnPage tells whether a browser says that the request comes from a page of this server, or of an allowed origin.
// Programs that are no browsers carry tokens, not cookies, and are not asked.
func (a *Access) FromOwnPage(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return SameOrigin(origin, r) || slices.Contains(a.cfg.Origins, origin)
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// SameOrigin compares an Origin header with the address that the request was sent to. Behind a proxy that ends TLS the
// scheme is not known here; else a page that came unencrypted, and may be anybody's, is not the same.
func SameOrigin(origin string, r *http.Request) bool {
	scheme, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host) && (r.TLS == nil || scheme == "https")
}

// ErrForeignPage is the error for a cross-origin page that uses a session.
func ErrForeignPage() error {
	return rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_ORIGIN_REFUSED,
		"A page of another site may not do this with your session. A program should send a token as `Authorization: Bearer TOKEN` instead of a cookie.")
}

// Optional returns the caller's identity, if the request brings a good one by header or cookie.
func (a *Access) Optional(r *http.Request) (auth.Identity, bool) {
	id, _, err := a.identify(r, false)
	return id, err == nil
}

// ByTLS reports whether the browser's connection is encrypted, here or at a proxy. A caller that invents the proxy's
// header gets a cookie that it sends less often.
func ByTLS(r *http.Request) bool { return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" }
