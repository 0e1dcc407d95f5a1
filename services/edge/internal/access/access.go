// Package access decides which requests the edge accepts. It checks tokens, cookies, and one-time tickets, rejects
// cross-origin pages and unknown host names, and limits the rate of each user's requests.
package access

import (
	"context"
	"errors"
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
	"headway/internal/blobs"
	"headway/internal/rpcclient"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/peers"
	"headway/services/edge/internal/reqlog"
)

// Config holds the settings of an Access.
type Config struct {
	// Verifier checks tokens.
	Verifier auth.Verifier
	// Loopback is set if the listener is on a loopback address. If so, only this machine's host names are accepted.
	Loopback bool
	// TrustedHosts are additional names that the Host header can contain, without a port. If it is empty, a listener
	// that is not on loopback accepts any name.
	TrustedHosts []string
	// Origins are the other origins (https://app.example.com) whose pages can call.
	Origins []string
	// RequestsPerSecond and RequestBurst limit the requests of a user. Streams have their own limit. 0 means no limit.
	RequestsPerSecond float64
	RequestBurst      int
	// Revoked lists the sessions that were signed out. Required.
	Revoked *Revoked
	// Instance distinguishes the cookies of this Headway from those of others on the same host. By default, the key of Sessions does.
	Instance string
	// Sessions encrypts the cookies of sessions. Required.
	Sessions *auth.Sealer
	// Tickets encrypts tickets. Required.
	Tickets *auth.Sealer
	// Shared is a bucket that all edges share. Without one, tickets are valid on this edge only.
	Shared *blobs.Bucket
	// RefuseStream answers requests for streams that are not accepted.
	RefuseStream func(http.ResponseWriter, *http.Request, error)
}

// Access accepts or rejects requests. It is safe for concurrent use.
type Access struct {
	cfg     Config
	tickets *tickets
	revoked *Revoked
	// rates limits the requests of users, and signIns their sessions.
	rates, signIns *rates
}

// New returns a new Access.
func New(cfg Config) *Access {
	return &Access{
		cfg: cfg, tickets: newTickets(cfg.Tickets, cfg.Shared), revoked: cfg.Revoked, rates: newRates(cfg.RequestsPerSecond, cfg.RequestBurst),
		signIns: newRates(signInsPerSecond, signInBurst),
	}
}

// signInsPerSecond and signInBurst limit the sessions of a user, because each that was signed out is remembered until its token
// expires.
const (
	signInsPerSecond = 0.1
	signInBurst      = 60
)

// Caller is the user of a request, with the proof of the identity.
type Caller struct {
	auth.Identity
	// Token proves the identity to the services.
	Token string
	// Session is the ID of the session whose cookie holds the token. It is empty if the request has the token itself.
	Session string
}

// ParseOrigin checks an origin as browsers write it: the scheme, the host, and the port unless it is the scheme's default.
func ParseOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != text {
		return fmt.Errorf("%q is not an origin: write only the scheme, host, and port, for example https://app.example.com", text)
	}
	return nil
}

type callerKey struct{}

// CallerOf returns the caller of a request that Required has passed on.
func CallerOf(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

// Outgoing returns the context for calls to a service on behalf of this request's caller. It carries the caller's token
// and the request ID.
func Outgoing(ctx context.Context) context.Context {
	return metadata.NewOutgoingContext(ctx, Metadata(ctx))
}

// Metadata returns the headers that Outgoing adds to a call.
func Metadata(ctx context.Context) metadata.MD {
	md := metadata.Pairs(rpcclient.RequestIDHeader, reqlog.From(ctx).ID)
	if token := CallerOf(ctx).Token; token != "" {
		md.Set("authorization", "Bearer "+token)
	}
	return md
}

// Required passes only requests with a valid token or session to next, which gets the identity from auth.FromContext.
func (a *Access) Required(next http.Handler) http.Handler {
	return a.admit(next, false, false)
}

// RequiredForStream is Required for streams, which also accept a one-time ticket.
func (a *Access) RequiredForStream(next http.Handler) http.Handler {
	return a.admit(next, true, false)
}

// RequiredForRoute is RequiredForStream for declared routes, whose clients can also send a token as ?token=.
func (a *Access) RequiredForRoute(next http.Handler) http.Handler {
	return a.admit(next, true, true)
}

func (a *Access) admit(next http.Handler, isStream, tokensInQuery bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := a.identify(r, isStream, tokensInQuery)
		if err != nil && isStream {
			a.cfg.RefuseStream(w, r, err)
			return
		}
		if err != nil {
			httperr.Write(w, r, err)
			return
		}
		reqlog.From(r.Context()).Subject = id.Subject
		if isStream && !id.May(auth.ScopeRead) { // the services check the rights of all other calls
			a.cfg.RefuseStream(w, r, rpcerr.ScopeMissing("A stream", auth.ScopeRead))
			return
		}
		if !isStream && !a.rates.take(id.Subject, time.Now()) {
			httperr.Write(w, r, rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
				"Too many requests: the limit is %g per second per user. Wait, and then try again.", a.cfg.RequestsPerSecond))
			return
		}
		ctx := context.WithValue(auth.NewContext(r.Context(), id.Identity), callerKey{}, id)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// tokenDots is the number of dots in a token (RFC 7519). A ticket has none.
const tokenDots = 2

// identify returns the caller: from the Authorization header, from a ticket if tickets are
// accepted, from a token in the query if those are, or from the cookie. A header with a scheme other than Bearer is for a proxy. It counts only if there is
// neither a ticket nor a cookie.
func (a *Access) identify(r *http.Request, ticketsToo, tokensInQuery bool) (Caller, error) {
	headers := r.Header.Values("Authorization")
	if token, err := auth.BearerToken(headers...); err != nil {
		return Caller{}, rpcerr.Token(err)
	} else if token != "" {
		return a.Verify(r, token)
	}
	if ticket := r.URL.Query().Get("token"); ticket != "" {
		if !ticketsToo {
			return Caller{}, rpcerr.New(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING,
				"Only streams accept a ticket as ?token=. Send a token as `Authorization: Bearer TOKEN`.")
		}
		if tokensInQuery && strings.Count(ticket, ".") == tokenDots {
			return a.Verify(r, ticket)
		}
		session, token, err := a.tickets.redeem(r.Context(), ticket)
		if err != nil {
			return Caller{}, err
		}
		caller, err := a.Verify(r, token)
		if err == nil {
			err = a.SignedOut(session)
		}
		caller.Session = session
		return caller, err
	}
	if strings.Join(headers, "") != "" && len(a.SessionCookies(r)) == 0 {
		return Caller{}, rpcerr.Token(auth.ErrInvalid)
	}
	return a.FromCookie(r)
}

// FromCookie returns the caller that the session's cookie proves. Other programs of this host, on other ports and below other
// paths, can set cookies with the same name, so the first one that has a session counts.
func (a *Access) FromCookie(r *http.Request) (Caller, error) {
	cookies := a.SessionCookies(r)
	if len(cookies) == 0 {
		return Caller{}, rpcerr.Token(auth.ErrMissing)
	}
	if !safe(r.Method) && !a.FromOwnPage(r) {
		return Caller{}, ErrCrossOrigin()
	}
	var refused error
	for _, cookie := range cookies {
		caller, err := a.fromCookie(r, cookie.Value)
		if err == nil {
			return caller, nil
		}
		if refused == nil || caller.Session != "" { // the end of a session matters more than a cookie of another program
			refused = err
		}
	}
	return Caller{}, refused
}

// fromCookie returns the caller that a cookie proves. With an error, the caller has the session and its token if the cookie is one of
// this server.
func (a *Access) fromCookie(r *http.Request, value string) (Caller, error) {
	session, token, ok := a.openCookie(value)
	if !ok {
		return Caller{}, rpcerr.New(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_INVALID,
			"The cookie is not one of this server's sessions. Sign in again.")
	}
	caller, err := a.Verify(r, token)
	if err == nil {
		err = a.SignedOut(session)
	}
	caller.Session, caller.Token = session, token
	return caller, err
}

// EndSessions ends all sessions whose cookies the request has, and returns the names of these cookies. Cookies of other programs
// are not among them. It also ends a session whose token can't be verified now: otherwise, a copy of the cookie would work again later.
func (a *Access) EndSessions(r *http.Request) (cookies []string, err error) {
	for _, cookie := range a.SessionCookies(r) {
		caller, err := a.fromCookie(r, cookie.Value)
		if caller.Session == "" {
			continue
		}
		cookies = append(cookies, cookie.Name)
		expires := caller.ExpiresAt
		switch {
		case errors.Is(err, auth.ErrUnavailable):
			expires = auth.StatedExpiry(caller.Token)
		case err != nil: // it has ended
			continue
		}
		if a.revoked.Has(caller.Session) {
			continue
		}
		if err := a.Revoke(r.Context(), caller.Session, time.Now(), expires); err != nil {
			return nil, rpcerr.StorageFailed(err)
		}
	}
	return cookies, nil
}

// Revoke ends a session at a time, before its token expires.
func (a *Access) Revoke(ctx context.Context, session string, ends, expires time.Time) error {
	return a.revoked.Add(ctx, session, ends, expires)
}

// SignedOut returns an error if the session was signed out.
func (a *Access) SignedOut(session string) error {
	if session != "" && a.revoked.Has(session) {
		return rpcerr.Token(fmt.Errorf("%w: its session was signed out", auth.ErrExpired))
	}
	return nil
}

// Verify returns the caller that a token proves.
func (a *Access) Verify(r *http.Request, token string) (Caller, error) {
	id, err := a.cfg.Verifier.Verify(r.Context(), token)
	if err != nil {
		return Caller{}, rpcerr.Token(err)
	}
	return Caller{Identity: id, Token: token}, nil
}

// SigningIn returns an error if the user has started too many sessions.
func (a *Access) SigningIn(subject string) error {
	if a.signIns.take(subject, time.Now()) {
		return nil
	}
	return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		"Too many sessions were started for this user. Wait %g seconds, and then try again.", 1/signInsPerSecond)
}

// safe reports whether the method is safe (RFC 9110 §9.2.1). A cross-origin page gains nothing by making a browser send
// such a request.
func safe(method string) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, method)
}

// FromOwnPage reports whether the browser declares that the request comes from a page of this server or of an allowed
// origin. Other programs send tokens instead of cookies, so this check doesn't concern them.
func (a *Access) FromOwnPage(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return SameOrigin(origin, r) || slices.Contains(a.cfg.Origins, origin)
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// SameOrigin reports whether an Origin header matches the address that the request was sent to. An encrypted request must come from an
// encrypted page: an attacker can forge a page that is sent without encryption. Behind a proxy that does not name the scheme, it is
// unknown here. Pages of other schemes belong to programs that have a browser in them.
func SameOrigin(origin string, r *http.Request) bool {
	scheme, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host) && (scheme == "https" || scheme == "http" && !ByTLS(r))
}

// ErrCrossOrigin is the error for a cross-origin page that uses a session.
func ErrCrossOrigin() error {
	return rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_ORIGIN_REFUSED,
		"A page of another site can't do this with your session. If you are writing a program, send a token as `Authorization: Bearer TOKEN` instead of a cookie.")
}

// Optional returns the caller's identity, if the request proves one with a header or a cookie.
func (a *Access) Optional(r *http.Request) (auth.Identity, bool) {
	caller, err := a.identify(r, false, false)
	if err != nil {
		return auth.Identity{}, false // of a session that was signed out, the identity is known
	}
	return caller.Identity, true
}

// ByTLS reports whether the browser's connection is encrypted, here or at a proxy. A caller that forges the proxy's header
// only gets a cookie that its browser sends less often.
func ByTLS(r *http.Request) bool { return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" }

// Share returns the limits of users' requests, and makes them record their usage for the other edges. Call it before the first
// request.
func (a *Access) Share() map[string]peers.Rate {
	shared := map[string]peers.Rate{}
	for name, r := range map[string]*rates{"requests": a.rates, "sessions": a.signIns} {
		if r.perSecond > 0 {
			r.share()
			shared[name] = r
		}
	}
	return shared
}

// Run removes the records of used tickets that have expired, until ctx is done.
func (a *Access) Run(ctx context.Context) { a.tickets.run(ctx) }
