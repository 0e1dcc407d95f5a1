package auth

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"headway/internal/backoff"
)

const (
	// refetchPause is the minimum time between two fetches of an issuer's keys, regardless of the key IDs in tokens.
	refetchPause = 10 * time.Second
	// refreshEvery is how often keys are fetched even if no token names a new one, so that withdrawn keys are forgotten.
	refreshEvery = 10 * time.Minute
	// firstRetry and lastRetry are the minimum and maximum delay after a failed fetch.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 30 * time.Second
	// fetchWait is how long a token with a new key ID waits for a fetch that can return its key.
	fetchWait = 5 * time.Second
	// fetchTimeout limits a fetch, and maxKeyBytes the size of its response.
	fetchTimeout = 10 * time.Second
	maxKeyBytes  = 1 << 20
	// minRSABits is the minimum length of an RSA key (RFC 7518 §3.3).
	minRSABits = 2048
)

// asymmetric lists the algorithms that tokens of an issuer can be signed with. With each of them, a party that can verify
// a token cannot sign one.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// IssuerConfig describes an issuer. Zero fields have defaults.
type IssuerConfig struct {
	// URL is the issuer, as in its tokens' `iss`. Required. It must be https, except for an issuer on this machine.
	URL string
	// Audience must be in a token's `aud`. Default "headway".
	Audience string
	// ScopeClaim is the claim with the token's scopes: text with spaces between them, or a list. Dots select fields of objects
	// (realm_access.roles) if no claim has the whole name. Default "scope".
	ScopeClaim string
	// ServiceScope is the value in the scope claim that means headway:service. If it is empty, the issuer's tokens
	// never have that scope.
	ServiceScope string
	// Algorithms lists the algorithms that tokens can be signed with. Default RS256 and ES256.
	Algorithms []string
	// ClockSkew is the maximum difference between the issuer's clock and this one. Default DefaultClockSkew.
	ClockSkew time.Duration
	// Defaults are the rights of tokens that do not name theirs. Default none.
	Defaults Rights
	// Client fetches the keys. Default one that follows redirects to https only.
	Client *http.Client
	// Logger receives a line when fetching starts to fail, and when it works again. Required.
	Logger *slog.Logger
}

// Issuer verifies the tokens of an OpenID Connect provider with its published keys, which Run fetches. It is safe for
// concurrent use.
type Issuer struct {
	cfg      IssuerConfig
	expected expected
	parser   *jwt.Parser
	// wanted requests a fetch from Run.
	wanted chan struct{}

	mu   sync.Mutex
	keys []jose.JSONWebKey
	// fetched is closed, and replaced, when a fetch has finished. lastFetch is when the last one started, and fetching
	// reports that one is requested or running.
	fetched   chan struct{}
	lastFetch time.Time
	fetching  bool
	// failure is the error of the last fetch, or nil.
	failure error
}

// NewIssuer returns a new Issuer without keys.
func NewIssuer(cfg IssuerConfig) (*Issuer, error) {
	if cfg.Audience == "" {
		cfg.Audience = audience
	}
	if cfg.ScopeClaim == "" {
		cfg.ScopeClaim = "scope"
	}
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []string{"RS256", "ES256"}
	}
	if cfg.ClockSkew == 0 {
		cfg.ClockSkew = DefaultClockSkew
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("too many redirects")
			}
			return checkURL(req.URL.String())
		}}
	}
	if err := checkURL(cfg.URL); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	for _, algorithm := range cfg.Algorithms {
		if !slices.Contains(asymmetric, algorithm) {
			return nil, fmt.Errorf("issuer: the algorithm %q is not supported. Use one of: %s", algorithm, strings.Join(asymmetric, ", "))
		}
	}
	if err := checkSkew(cfg.ClockSkew); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	expected := expected{algorithms: cfg.Algorithms, issuer: cfg.URL, audience: cfg.Audience, skew: cfg.ClockSkew}
	return &Issuer{
		cfg:      cfg,
		expected: expected,
		parser:   expected.parser(),
		wanted:   make(chan struct{}, 1),
		fetched:  make(chan struct{}),
		failure:  errors.New("no keys have been fetched yet"),
	}, nil
}

// checkURL returns an error unless keys from this URL are safe from changes on the network.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%q is not a URL. Write it as in the iss claim of the tokens, for example https://login.example.com", text)
	case u.Scheme == "https", u.Scheme == "http" && isLocal(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q must be https: an attacker who can change the keys in transit can sign tokens", text)
}

func isLocal(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// Ready returns nil if tokens can be checked: as soon as keys have been fetched, even if the issuer is down later.
func (i *Issuer) Ready() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.keys) > 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, i.failure)
}

// Run keeps the keys up to date until ctx is done. It fetches them immediately, retries until that succeeds, and then
// fetches them every ten minutes, and when a token names an unknown key.
func (i *Issuer) Run(ctx context.Context) {
	retry := backoff.New(firstRetry, lastRetry)
	for {
		wait := refreshEvery
		if err := i.refresh(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			wait = retry.Next()
		} else {
			retry.Reset()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-i.wanted:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// refresh fetches the keys. If it fails, the previous ones stay valid.
func (i *Issuer) refresh(ctx context.Context) error {
	i.mu.Lock()
	i.lastFetch, i.fetching = time.Now(), true
	select {
	case <-i.wanted: // this fetch is the one
	default:
	}
	before := i.failure
	i.mu.Unlock()
	keys, err := i.fetch(ctx)
	switch {
	case ctx.Err() != nil: // a shutdown is not logged
	case err != nil && (before == nil || before.Error() != err.Error()):
		i.cfg.Logger.WarnContext(ctx, "can't fetch the token issuer's keys, trying again", "issuer", i.cfg.URL, "error", err)
	case err == nil && before != nil:
		i.cfg.Logger.InfoContext(ctx, "fetched the token issuer's keys", "issuer", i.cfg.URL, "keys", len(keys))
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failure = err; err == nil {
		i.keys = keys
	}
	close(i.fetched)
	i.fetched, i.fetching = make(chan struct{}), false
	return err
}

// fetch looks up where the issuer publishes its keys (OpenID Connect Discovery §4), and gets them (RFC 7517).
func (i *Issuer) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	var about struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := i.get(ctx, strings.TrimSuffix(i.cfg.URL, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, err
	}
	if about.Issuer != i.cfg.URL {
		return nil, fmt.Errorf("the issuer calls itself %q, not %q. Configure the name that it uses", about.Issuer, i.cfg.URL)
	}
	if err := checkURL(about.JWKSURI); err != nil {
		return nil, fmt.Errorf("the issuer's jwks_uri: %w", err)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := i.get(ctx, about.JWKSURI, &raw); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && usable(key) { // keys of unknown kinds are for other clients
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer doesn't publish a key that can verify tokens")
	}
	return keys, nil
}

func (i *Issuer) get(ctx context.Context, address string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := i.cfg.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s", address, resp.Status)
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxKeyBytes)).Decode(into); err != nil {
		return fmt.Errorf("get %s: %w", address, err)
	}
	return nil
}

// usable reports whether a published key can verify signatures: it is public, long enough, and for that use.
func usable(key jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok {
		return public.N.BitLen() >= minRSABits
	}
	return true
}

// Verify implements Verifier.
func (i *Issuer) Verify(ctx context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, ErrMissing
	}
	claims := jwt.MapClaims{}
	if _, err := i.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return i.key(ctx, t) }); err != nil {
		return Identity{}, fmt.Errorf("verify a token of %s: %w", i.cfg.URL, i.expected.explain(err, token, claims))
	}
	id, err := identityOf(claims, i.scopes(claims))
	if err != nil {
		return Identity{}, err
	}
	i.cfg.Defaults.complete(&id)
	return id, nil
}

// key returns the key that a token names. An unknown one is fetched, but no sooner than 10 s after the previous fetch, so
// that tokens with invented key IDs don't become requests to the issuer.
func (i *Issuer) key(ctx context.Context, t *jwt.Token) (crypto.PublicKey, error) {
	if err := refuseExtensions(t); err != nil {
		return nil, err
	}
	kid, _ := t.Header["kid"].(string)
	key, fetched, err := i.lookUp(kid, t.Method.Alg())
	if key != nil || fetched == nil {
		return key, err
	}
	timeout := time.NewTimer(fetchWait)
	defer timeout.Stop()
	select {
	case <-fetched:
	case <-timeout.C:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	key, _, err = i.lookUp(kid, t.Method.Alg())
	return key, err
}

// lookUp returns the key, or the reason why there is none. fetched is closed when a fetch that can return the key has
// finished. It is nil if there will be no fetch.
func (i *Issuer) lookUp(kid, algorithm string) (key crypto.PublicKey, fetched <-chan struct{}, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var fitting []jose.JSONWebKey
	for _, k := range i.keys {
		// Without an ID, there must be only one key (OpenID Connect Core §10.1).
		if (kid == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == algorithm) {
			fitting = append(fitting, k)
		}
	}
	if len(fitting) == 1 {
		return fitting[0].Key, nil, nil
	}
	err = unknownKey(len(fitting), kid, algorithm)
	if len(i.keys) == 0 {
		err = fmt.Errorf("%w: %w", ErrUnavailable, i.failure)
	}
	if i.fetching {
		return nil, i.fetched, err
	}
	if time.Since(i.lastFetch) < refetchPause {
		return nil, nil, err
	}
	i.fetching = true // from now on, so that only one token requests it
	select {
	case i.wanted <- struct{}{}:
	default: // already requested
	}
	return nil, i.fetched, err
}

// unknownKey returns the error for a token for which the issuer does not have exactly one key.
func unknownKey(fitting int, kid, algorithm string) error {
	if kid == "" {
		return invalid(nil, "Its header has no kid, and the issuer has %d keys for %s", fitting, algorithm)
	}
	return invalid(nil, "The issuer publishes %d keys for %s with the kid %s, but must publish one", fitting, algorithm, quoted(kid))
}

// scopes returns the scopes of a token. The issuer's own name for the service scope, if one is configured, counts as that
// scope. The scope itself does not, and neither does that of the importer: many issuers let users or clients choose the scopes
// that they get.
func (i *Issuer) scopes(claims map[string]any) []string {
	var list []string
	for _, scope := range texts(claims, i.cfg.ScopeClaim) {
		switch scope {
		case ScopeService, ScopeImporter:
		case i.cfg.ServiceScope:
			list = append(list, ScopeService)
		default:
			list = append(list, scope)
		}
	}
	return list
}
