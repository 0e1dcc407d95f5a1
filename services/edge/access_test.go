package edge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"headway/internal/auth"
	"headway/services/edge"
)

// secret returns a body with the secret of a new sign-in link.
func (b *bench) secret() io.Reader {
	b.t.Helper()
	_, secret, ok := strings.Cut(b.service.SignInLink(), "#sign-in=")
	if !ok {
		b.t.Fatal("no sign-in link")
	}
	return strings.NewReader(fmt.Sprintf(`{"secret":%q}`, secret))
}

// signIn returns the cookie of the local user's session, as the web UI gets it.
func (b *bench) signIn() string {
	b.t.Helper()
	return b.session("Authorization", "", "Origin", b.url)
}

// session returns the cookie of a new session. Without a token in the headers, it is the local user's.
func (b *bench) session(headers ...string) string {
	b.t.Helper()
	resp := b.do(http.MethodPost, "/api/v1/session", b.secret(), headers...)
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("sign in: %s", resp.Status)
	}
	for _, c := range resp.Cookies() {
		if strings.HasPrefix(c.Name, "headway_session_") {
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Expires.IsZero() {
				b.t.Errorf("cookie %+v", c)
			}
			return c.Name + "=" + c.Value
		}
	}
	b.t.Fatal("no cookie")
	return ""
}

// TestRightsAreCheckedBeforeBodies checks that a user without the right to import is refused before the file is sent.
func TestRightsAreCheckedBeforeBodies(t *testing.T) {
	b := setup(t, nil)
	reader := "Bearer " + b.token("ann", "headway:read")
	body := &countingReader{left: 1 << 30}
	resp := b.do(http.MethodPost, "/api/v1/imports", body, "Authorization", reader, "Content-Type", "application/octet-stream")
	b.refused(resp, http.StatusForbidden, "SCOPE_MISSING")
	if read := body.read(); read > 128<<20 {
		t.Errorf("%d MiB of the body were sent", read>>20)
	}
	b.refused(b.do(http.MethodPost, "/api/v1/uploads", nil, "Authorization", reader, "Tus-Resumable", "1.0.0", "Upload-Length", "5"), http.StatusForbidden, "SCOPE_MISSING")
	fleet, err := b.key.Sign(auth.Identity{Subject: "ann", Schemas: []string{"fleet"}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b.refused(b.do(http.MethodPost, "/api/v1/uploads", nil, "Authorization", "Bearer "+fleet, "Tus-Resumable", "1.0.0", "Upload-Length", "5",
		"Upload-Metadata", "schema d29ya2ZvcmNl"), http.StatusForbidden, "SCOPE_MISSING")
	b.jobs.put("j1", "media", "ann", nil)
	b.refused(b.do(http.MethodGet, "/api/v1/sse/jobs/media/j1", nil, "Authorization", "Bearer "+b.token("ann", "headway:run")), http.StatusForbidden, "SCOPE_MISSING")
	b.open("/api/v1/sse/jobs/media/j1", "Authorization", reader).want("connected")
}

func TestEveryRouteRequiresAToken(t *testing.T) {
	b := setup(t, nil)
	for _, path := range []string{
		"/api/v1/jobs", "/api/v1/jobs/j1", "/api/v1/imports", "/api/v1/schemas", "/api/v1/schemas/workforce/sample.xlsx",
		"/api/v1/imports/i1/report.xlsx", "/api/v1/imports/i1/imported.xlsx", "/api/v1/imports/i1/issues.csv", "/api/v1/sse/jobs/my", "/api/v1/sse/jobs/media/j1",
		"/api/v1/sse/imports/i1", "/api/v1/sse/jobs/media/j1/output",
	} {
		resp := b.do(http.MethodGet, path, nil, "Authorization", "")
		if resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", path)
		}
		b.refused(resp, http.StatusUnauthorized, "TOKEN_MISSING")
	}
	b.refused(b.do(http.MethodPost, "/api/v1/sse/tickets", nil, "Authorization", ""), http.StatusUnauthorized, "TOKEN_MISSING")
	b.refused(b.do(http.MethodPost, "/api/v1/imports", strings.NewReader("PK"), "Authorization", ""), http.StatusUnauthorized, "TOKEN_MISSING")
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "Bearer nonsense"), http.StatusUnauthorized, "TOKEN_INVALID")
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "Basic YTpi"), http.StatusUnauthorized, "TOKEN_INVALID")
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "Bearer "+b.tokenFor(-time.Minute, "ann")), http.StatusUnauthorized, "TOKEN_EXPIRED")
}

func TestTicketOpensOneStreamOnly(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	ticket := func() string {
		status, body := b.decode(b.do(http.MethodPost, "/api/v1/sse/tickets", nil))
		if status != http.StatusCreated || body["expiresAt"] == nil {
			t.Fatalf("%d %v", status, body)
		}
		return body["ticket"].(string)
	}
	first := ticket()
	b.refused(b.do(http.MethodGet, "/api/v1/jobs?token="+first, nil, "Authorization", ""), http.StatusUnauthorized, "TOKEN_MISSING")
	b.open("/api/v1/sse/jobs/media/j1?token="+first, "Authorization", "").want("connected")
	b.refused(b.do(http.MethodGet, "/api/v1/sse/jobs/media/j1?token="+first, nil, "Authorization", ""), http.StatusUnauthorized, "TICKET_INVALID")
	b.refused(b.do(http.MethodGet, "/api/v1/sse/jobs/media/j1?token="+b.token("ann"), nil, "Authorization", ""), http.StatusUnauthorized, "TICKET_INVALID")
	// A ticket grants the same rights as its token, even if the edge calls the services on the user's behalf.
	b.open("/api/v1/sse/jobs/my?last_event_id=abc12345&token="+ticket(), "Authorization", "").want("connected")
	if strings.Contains(b.log.String(), first) {
		t.Error("a ticket is in the log")
	}
}

func TestLocalSignInIsForOwnPageOnly(t *testing.T) {
	b := setup(t, nil)
	host := strings.TrimPrefix(b.url, "http://")
	port := host[strings.LastIndex(host, ":"):]
	status, body := b.get("/api/v1/session", "Authorization", "")
	if status != 200 || body["localSignIn"] != true || body["maxUploadBytes"] != float64(512<<20) || body["user"] != nil {
		t.Errorf("without a session: %d %v", status, body)
	}
	cookie := b.signIn()
	if status, body = b.get("/api/v1/session", "Authorization", "", "Cookie", cookie); status != 200 || body["user"] != "local" || body["expiresAt"] == nil {
		t.Errorf("signed in: %d %v", status, body)
	}
	for name, headers := range map[string][]string{
		"localhost":                {"Host", "localhost" + port, "Origin", "http://localhost" + port},
		"a browser without Origin": {"Sec-Fetch-Site", "same-origin"},
		"IPv6 by name":             {"Host", "[::1]" + port, "Origin", "http://[::1]" + port},
		"a forwarded port":         {"Host", "127.0.0.1:9", "Origin", "http://127.0.0.1:9"},
	} {
		if resp := b.do(http.MethodPost, "/api/v1/session", b.secret(), append(headers, "Authorization", "")...); resp.StatusCode != 200 {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	for name, refusal := range map[string]struct {
		reason  string
		headers []string
	}{
		"no browser":                   {"ORIGIN_REFUSED", nil},
		"another site":                 {"ORIGIN_REFUSED", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}},
		"another port of this machine": {"ORIGIN_REFUSED", []string{"Origin", "http://127.0.0.1:3000", "Sec-Fetch-Site", "same-site"}},
		"a form of another site":       {"ORIGIN_REFUSED", []string{"Origin", "null"}},
		"a rebound name":               {"HOST_REFUSED", []string{"Host", "evil.example" + port, "Origin", "http://evil.example" + port, "Sec-Fetch-Site", "same-origin"}},
		"a name that begins alike":     {"HOST_REFUSED", []string{"Host", "127.0.0.1.evil.example" + port, "Origin", "http://127.0.0.1.evil.example" + port}},
		"through a proxy":              {"HOST_REFUSED", []string{"Origin", b.url, "X-Forwarded-For", "203.0.113.9"}},
	} {
		resp := b.do(http.MethodPost, "/api/v1/session", b.secret(), append(refusal.headers, "Authorization", "")...)
		if len(resp.Cookies()) != 0 {
			t.Errorf("%s: got a cookie", name)
		}
		b.refused(resp, http.StatusForbidden, refusal.reason)
	}
	resp := b.do(http.MethodDelete, "/api/v1/session", nil, "Authorization", "", "Cookie", cookie, "Origin", b.url)
	if resp.StatusCode != http.StatusNoContent || len(resp.Cookies()) != 1 || resp.Cookies()[0].MaxAge >= 0 {
		t.Errorf("sign out: %s %v", resp.Status, resp.Cookies())
	}
}

func TestPlainProxyCannotUseLocalSignIn(t *testing.T) {
	b := setup(t, nil)
	target, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	// Like nginx with only proxy_pass, ssh -L, or kubectl port-forward, where no header shows that there is a proxy.
	plain := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("Origin", b.url)
	}})
	defer plain.Close()
	for name, body := range map[string]string{
		"no body": "", "no secret": `{}`, "a wrong secret": `{"secret":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}`, "an empty one": `{"secret":""}`,
	} {
		resp, err := plain.Client().Post(plain.URL+"/api/v1/session", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if len(resp.Cookies()) != 0 {
			t.Errorf("%s: got a cookie", name)
		}
		b.refused(resp, http.StatusUnauthorized, "SIGN_IN_LINK_INVALID")
	}
}

func TestSignInLinkWorksOnce(t *testing.T) {
	b := setup(t, nil)
	_, secret, _ := strings.Cut(b.service.SignInLink(), "#sign-in=")
	signIn := func(secret string) *http.Response {
		return b.do(http.MethodPost, "/api/v1/session", strings.NewReader(`{"secret":"`+secret+`"}`), "Authorization", "", "Origin", b.url)
	}
	if resp := signIn(secret); resp.StatusCode != http.StatusOK {
		t.Errorf("first use: %s", resp.Status)
	}
	b.refused(signIn(secret), http.StatusUnauthorized, "SIGN_IN_LINK_INVALID")
	if strings.Contains(b.log.String(), secret) {
		t.Error("the secret is in the log")
	}
	// Only the local user can create another link.
	status, answer := b.decode(b.do(http.MethodPost, "/api/v1/session/links", nil, "Authorization", "Bearer "+b.token("local")))
	_, secret, _ = strings.Cut(fmt.Sprint(answer["path"]), "#sign-in=")
	if status != http.StatusCreated || secret == "" || answer["expiresAt"] == nil {
		t.Fatalf("%d %v", status, answer)
	}
	if resp := signIn(secret); resp.StatusCode != http.StatusOK {
		t.Errorf("second link: %s", resp.Status)
	}
	b.refused(b.do(http.MethodPost, "/api/v1/session/links", nil), http.StatusForbidden, "SCOPE_MISSING")
	b.refused(b.do(http.MethodPost, "/api/v1/session/links", nil, "Authorization", ""), http.StatusUnauthorized, "TOKEN_MISSING")
	resp := b.do(http.MethodPost, "/api/v1/session", strings.NewReader(`{"secret":`), "Authorization", "", "Origin", b.url)
	b.refused(resp, http.StatusBadRequest, "REQUEST_INVALID")
}

func TestLocalSessionIsRenewedByItsCookie(t *testing.T) {
	b := setup(t, nil)
	renew := func(headers ...string) *http.Response {
		return b.do(http.MethodPost, "/api/v1/session", strings.NewReader("{}"), append(headers, "Authorization", "")...)
	}
	if resp := renew("Cookie", b.signIn(), "Origin", b.url); resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		t.Errorf("%s %v", resp.Status, resp.Cookies())
	}
	b.refused(renew("Cookie", "headway_session="+b.token("local"), "Origin", b.url), http.StatusUnauthorized, "SIGN_IN_LINK_INVALID")
	b.refused(renew("Cookie", b.session("Authorization", "Bearer "+b.token("ann")), "Origin", b.url), http.StatusUnauthorized, "SIGN_IN_LINK_INVALID")
	b.refused(renew("Cookie", b.signIn(), "Origin", "https://evil.example"), http.StatusForbidden, "ORIGIN_REFUSED")
}

func TestProxyAuthorizationKeepsSession(t *testing.T) {
	b := setup(t, nil)
	cookie := b.signIn()
	basic := []string{"Authorization", "Basic YWRtaW46c2VjcmV0"}
	if status, answer := b.get("/api/v1/session", append(basic, "Cookie", cookie)...); status != http.StatusOK || answer["user"] != "local" {
		t.Errorf("by cookie: %d %v", status, answer)
	}
	_, ticket := b.decode(b.do(http.MethodPost, "/api/v1/sse/tickets", nil))
	b.open(fmt.Sprint("/api/v1/sse/jobs/my?token=", ticket["ticket"]), basic...).want("connected")
	if resp := b.do(http.MethodPost, "/api/v1/session", b.secret(), append(basic, "Origin", b.url)...); resp.StatusCode != http.StatusOK {
		t.Errorf("sign in: %s", resp.Status)
	}
}

func TestTokenIsExchangedForACookie(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.LocalSignIn = false })
	b.refused(b.do(http.MethodPost, "/api/v1/session", nil, "Authorization", "", "Origin", b.url), http.StatusForbidden, "SIGN_IN_UNAVAILABLE")
	resp := b.do(http.MethodPost, "/api/v1/session", nil)
	if len(resp.Cookies()) != 1 {
		t.Fatalf("%s, no cookie", resp.Status)
	}
	cookie := resp.Cookies()[0]
	if _, body := b.get("/api/v1/session", "Authorization", "", "Cookie", cookie.Name+"="+cookie.Value); body["user"] != "ann" {
		t.Errorf("got %v", body)
	}
	b.refused(b.do(http.MethodPost, "/api/v1/session", nil, "Authorization", "Bearer x"), http.StatusUnauthorized, "TOKEN_INVALID")
}

func TestLoopbackRejectsUnknownHosts(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.TrustedHosts = []string{"headway.example"} })
	for _, path := range []string{"/", "/healthz", "/docs", "/openapi.json", "/api/v1/jobs", "/api/v1/session", "/nowhere"} {
		b.refused(b.do(http.MethodGet, path, nil, "Host", "evil.example"), http.StatusForbidden, "HOST_REFUSED")
		if resp := b.do(http.MethodGet, path, nil, "Host", "Headway.example:8443"); resp.StatusCode == http.StatusForbidden {
			t.Errorf("%s: a trusted name is refused", path)
		}
	}
}

func TestCrossOriginPageCannotUseCookie(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.CORSOrigins = []string{"https://app.example.com"} })
	b.jobs.put("j1", "media", "local", nil)
	cookie := b.signIn()
	cancel := func(headers ...string) *http.Response {
		return b.do(http.MethodPost, "/api/v1/jobs/j1:cancel", nil, append(headers, "Authorization", "", "Cookie", cookie)...)
	}
	b.refused(cancel(), http.StatusForbidden, "ORIGIN_REFUSED")
	b.refused(cancel("Origin", "https://evil.example"), http.StatusForbidden, "ORIGIN_REFUSED")
	b.refused(cancel("Origin", "http://127.0.0.1:3000", "Sec-Fetch-Site", "same-site"), http.StatusForbidden, "ORIGIN_REFUSED")
	b.refused(cancel("Origin", strings.Replace(b.url, "http:", "app:", 1)), http.StatusForbidden, "ORIGIN_REFUSED") // of a program with a browser in it
	b.refused(cancel("Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "ORIGIN_REFUSED")
	b.refused(b.do(http.MethodDelete, "/api/v1/session", nil, "Authorization", "", "Cookie", cookie, "Origin", "https://evil.example"), http.StatusForbidden, "ORIGIN_REFUSED")
	for name, headers := range map[string][]string{
		"own page": {"Origin", b.url}, "own page without Origin": {"Sec-Fetch-Site", "same-origin"}, "allowed page": {"Origin", "https://app.example.com"},
	} {
		if resp := cancel(headers...); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	// Reading is harmless: a cross-origin page can't see the response.
	s := b.open("/api/v1/sse/jobs/media/j1", "Authorization", "", "Cookie", cookie)
	s.want("connected")
}

func TestOnlyAllowedOriginsMayRead(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.CORSOrigins = []string{"https://app.example.com"} })
	preflight := []string{"Authorization", "", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization"}
	resp := b.do(http.MethodOptions, "/api/v1/sse/jobs/my", nil, append(preflight, "Origin", "https://app.example.com")...)
	h := resp.Header
	if resp.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Last-Event-ID") ||
		!strings.Contains(h.Get("Access-Control-Allow-Methods"), "DELETE") || h.Get("Vary") != "Origin" {
		t.Errorf("preflight: %s %v", resp.Status, h)
	}
	tracing := []string{"traceparent", "baggage", "sentry-trace", "x-requested-with", "cache-control"}
	resp = b.do(http.MethodOptions, "/api/v1/jobs", nil, "Authorization", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "GET",
		"Access-Control-Request-Headers", strings.Join(tracing, ",")+",bad name")
	allowed := strings.Split(resp.Header.Get("Access-Control-Allow-Headers"), ", ")
	for _, name := range tracing {
		if !slices.Contains(allowed, name) {
			t.Errorf("%s is not allowed: %v", name, allowed)
		}
	}
	if resp.StatusCode != http.StatusNoContent || slices.Contains(allowed, "bad name") {
		t.Errorf("tracing: %s %v", resp.Status, allowed)
	}
	resp = b.do(http.MethodOptions, "/api/v1/jobs", nil, append(preflight, "Origin", "https://evil.example")...)
	if resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of a disallowed origin: %v", resp.Header)
	}
	b.refused(resp, http.StatusForbidden, "ORIGIN_REFUSED")
	if h := b.open("/api/v1/sse/jobs/my", "Origin", "https://app.example.com").resp.Header; h.Get("Access-Control-Allow-Origin") != "https://app.example.com" || h.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("stream: %v", h)
	}
	if h := b.do(http.MethodGet, "/api/v1/jobs", nil, "Origin", "https://evil.example").Header; h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("foreign: %v", h)
	}
}

func TestRequestsOfAUserAreRateLimited(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.RequestsPerSecond = 1 })
	b.jobs.put("j1", "media", "ann", nil)
	var refused *http.Response
	for range 20 {
		if refused = b.do(http.MethodGet, "/api/v1/jobs/j1", nil); refused.StatusCode != http.StatusOK {
			break
		}
	}
	if refused.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.refused(refused, http.StatusTooManyRequests, "RATE_LIMITED")
	if status, _ := b.get("/api/v1/jobs", "Authorization", "Bearer "+b.token("bob")); status != http.StatusOK {
		t.Errorf("another user: %d", status)
	}
	b.open("/api/v1/sse/jobs/media/j1").want("connected")
}

// TestRequestWithTwoTokensIsRefused: a proxy can have checked the one, and the edge would use the other.
func TestRequestWithTwoTokensIsRefused(t *testing.T) {
	b := setup(t, nil)
	ann, bob := "Bearer "+b.token("ann"), "Bearer "+b.token("bob")
	for name, test := range map[string]struct {
		headers []string
		status  int
	}{
		"two users":            {[]string{ann, bob}, http.StatusUnauthorized},
		"the same one":         {[]string{ann, ann}, http.StatusOK},
		"a password and token": {[]string{"Basic YTpi", ann}, http.StatusOK},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/api/v1/jobs", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Authorization"] = test.headers
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}
