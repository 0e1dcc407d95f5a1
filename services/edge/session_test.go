package edge_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/services/edge"
)

func (b *bench) signOut(cookie string) {
	b.t.Helper()
	resp := b.do(http.MethodDelete, "/api/v1/session", nil, "Authorization", "", "Cookie", cookie, "Origin", b.url)
	if resp.StatusCode != http.StatusNoContent {
		b.t.Fatalf("sign out: %s", resp.Status)
	}
}

// ticketOf returns the path of a stream with a ticket of a session.
func (b *bench) ticketOf(cookie string) string {
	b.t.Helper()
	_, ticket := b.decode(b.do(http.MethodPost, "/api/v1/sse/tickets", nil, "Authorization", "", "Cookie", cookie, "Origin", b.url))
	return fmt.Sprint("/api/v1/sse/jobs/my?token=", ticket["ticket"])
}

func TestSignOutRevokesSession(t *testing.T) {
	folder := t.TempDir()
	b := setup(t, func(c *edge.Config) { c.EdgeBlobs = blobs.FolderURL(folder) })
	kept, cookie := b.signIn(), b.signIn()
	ticket := b.ticketOf(cookie)
	b.signOut(cookie)
	revoked := func(b *bench) {
		t.Helper()
		b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", cookie), http.StatusUnauthorized, "TOKEN_EXPIRED")
		if status, _ := b.get("/api/v1/jobs", "Authorization", "", "Cookie", kept); status != http.StatusOK {
			t.Errorf("another session: %d", status)
		}
		if _, body := b.get("/api/v1/session", "Authorization", "", "Cookie", cookie); body["user"] != nil {
			t.Errorf("the session still names its user: %v", body)
		}
	}
	revoked(b)
	b.refused(b.do(http.MethodGet, ticket, nil, "Authorization", ""), http.StatusUnauthorized, "TOKEN_EXPIRED")
	// A copy of the cookie cannot be written in another way, and its token cannot be taken out of it.
	for i := range len(cookie[strings.Index(cookie, "=")+1:]) {
		changed := []byte(cookie)
		at := len(cookie) - 1 - i
		if changed[at] = 'A'; cookie[at] == 'A' {
			changed[at] = 'B'
		}
		b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", string(changed)), http.StatusUnauthorized, "TOKEN_INVALID")
		if i == 3 {
			break
		}
	}
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "Bearer "+cookie[strings.Index(cookie, "=")+1:]), http.StatusUnauthorized, "TOKEN_INVALID")
	t.Run("after a restart", func(t *testing.T) {
		revoked(setup(t, func(c *edge.Config) { c.EdgeBlobs = blobs.FolderURL(folder) }))
	})
}

func TestTicketsOfDeclaredRoutesEndWithTheirSession(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer upstream.Close()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte("path: /report\nproxy_upstream: "+upstream.URL+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := setup(t, func(c *edge.Config) { c.Routes = []string{file} })
	kept, ended := b.signIn(), b.signIn()
	report := func(cookie string) string {
		return strings.Replace(b.ticketOf(cookie), "/api/v1/sse/jobs/my", "/report", 1)
	}
	other, own := report(kept), report(ended)
	b.signOut(ended)
	b.refused(b.do(http.MethodGet, own, nil, "Authorization", ""), http.StatusUnauthorized, "TOKEN_EXPIRED")
	if resp := b.do(http.MethodGet, other, nil, "Authorization", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("another session: %s", resp.Status)
	}
}

// unreachableIssuer is a Verifier that can't verify tokens while it is down.
type unreachableIssuer struct {
	auth.Verifier
	down atomic.Bool
}

func (v *unreachableIssuer) Verify(ctx context.Context, token string) (auth.Identity, error) {
	if v.down.Load() {
		return auth.Identity{}, auth.ErrUnavailable
	}
	return v.Verifier.Verify(ctx, token)
}

func TestSignOutWorksWhileIssuerIsDown(t *testing.T) {
	var issuer unreachableIssuer
	folder := t.TempDir()
	b := setup(t, func(c *edge.Config) {
		issuer.Verifier = c.Verifier
		c.Verifier, c.EdgeBlobs = &issuer, blobs.FolderURL(folder)
	})
	kept, cookie := b.signIn(), b.signIn()
	issuer.down.Store(true)
	b.signOut(cookie)
	b.signOut(cookie)
	revoked, err := filepath.Glob(filepath.Join(folder, "revoked", "*"))
	if err != nil || len(revoked) != 1 {
		t.Errorf("stored are %q, %v", revoked, err)
	}
	issuer.down.Store(false)
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", cookie), http.StatusUnauthorized, "TOKEN_EXPIRED")
	if status, _ := b.get("/api/v1/jobs", "Authorization", "", "Cookie", kept); status != http.StatusOK {
		t.Errorf("another session: %d", status)
	}
}

// TestSignOutKeepsTheTokenOfItsSession: other programs use the same token.
func TestSignOutKeepsTheTokenOfItsSession(t *testing.T) {
	b := setup(t, nil)
	bearer := "Bearer " + b.token("ann")
	cookie, other := b.session("Authorization", bearer), b.session("Authorization", bearer)
	b.signOut(cookie)
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", cookie), http.StatusUnauthorized, "TOKEN_EXPIRED")
	for name, headers := range map[string][]string{
		"the token": {"Authorization", bearer}, "another session with it": {"Authorization", "", "Cookie", other},
	} {
		if status, body := b.get("/api/v1/session", headers...); status != http.StatusOK || body["user"] != "ann" {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	if cookie := b.session("Authorization", bearer); cookie == other {
		t.Error("two sessions have the same cookie")
	}
}

func TestSignOutEndsOpenStreams(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "local", nil)
	cookie, other := b.signIn(), b.signIn()
	ended := map[string]*eventStream{
		"cookie": b.open("/api/v1/sse/jobs/my", "Authorization", "", "Cookie", cookie),
		"ticket": b.open(b.ticketOf(cookie), "Authorization", ""),
		"job":    b.open("/api/v1/sse/jobs/media/j1", "Authorization", "", "Cookie", cookie),
		"output": b.open("/api/v1/sse/jobs/media/j1/output", "Authorization", "", "Cookie", cookie),
	}
	kept := map[string]*eventStream{
		"another session": b.open("/api/v1/sse/jobs/my", "Authorization", "", "Cookie", other),
		"a token":         b.open("/api/v1/sse/jobs/my", "Authorization", "Bearer "+b.token("local")),
	}
	for _, s := range ended {
		s.want("connected")
	}
	for _, s := range kept {
		s.want("connected")
		s.want("initial_status")
	}
	b.signOut(cookie)
	for name, s := range ended {
		s.until("reauth on "+name, func(e event) bool { return e.kind() == "reauth" })
		s.wantEnd()
	}
	b.jobs.put("j2", "media", "local", nil)
	for name, s := range kept {
		if e := s.want("initial_status"); e.data["jobId"] != "j2" {
			t.Errorf("%s: %s", name, e.raw)
		}
	}
}

// TestEdgesShareSignedOutSessions: with the same key and folder, a session of one edge is one of all, and ends on all.
func TestEdgesShareSignedOutSessions(t *testing.T) {
	folder := t.TempDir()
	first := setup(t, func(c *edge.Config) { c.EdgeBlobs = blobs.FolderURL(folder) })
	t.Run("second edge", func(t *testing.T) {
		second := setup(t, func(c *edge.Config) { c.EdgeBlobs = blobs.FolderURL(folder) })
		cookie := first.signIn()
		s := second.open("/api/v1/sse/jobs/my", "Authorization", "", "Cookie", cookie)
		s.want("connected")
		first.signOut(cookie)
		s.want("reauth")
		s.wantEnd()
		second.refused(second.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", cookie), http.StatusUnauthorized, "TOKEN_EXPIRED")
	})
}

func TestSessionsOfAUserAreLimited(t *testing.T) {
	b := setup(t, nil)
	for range 60 {
		b.session("Authorization", "Bearer "+b.token("ann"))
	}
	b.refused(b.do(http.MethodPost, "/api/v1/session", nil), http.StatusTooManyRequests, "RATE_LIMITED")
	b.session("Authorization", "Bearer "+b.token("bob"))
}

// TestTooLongTokensGetNoCookie: browsers drop a cookie above 4 KiB without an error.
func TestTooLongTokensGetNoCookie(t *testing.T) {
	b := setup(t, nil)
	sign := func(kinds int) string {
		token, err := b.key.Sign(auth.Identity{Subject: "ann", Kinds: make([]string, kinds)}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	fits, long := sign(900), sign(1000)
	if len(fits) < 3800 {
		t.Fatalf("the token has only %d bytes", len(fits))
	}
	cookie := b.session("Authorization", "Bearer "+fits)
	if status, body := b.get("/api/v1/session", "Authorization", "", "Cookie", cookie); status != http.StatusOK || body["user"] != "ann" || len(cookie) > len(fits)+120 {
		t.Errorf("a token of %d bytes in a cookie of %d: %d %v", len(fits), len(cookie), status, body)
	}
	b.refused(b.do(http.MethodPost, "/api/v1/session", nil, "Authorization", "Bearer "+long), http.StatusBadRequest, "REQUEST_INVALID")
}

// TestLatestStreamHidesJobsOfOthers: an event ID that names another user's job is like one that names none. Otherwise, the
// response would show which jobs exist.
func TestLatestStreamHidesJobsOfOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte("path: /progress\nformat: job_status\nwatch: {latest: media}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := setup(t, func(c *edge.Config) { c.Routes = []string{file} })
	b.jobs.put("others", "media", "bob", nil)
	b.jobs.put("own", "media", "ann", nil)
	for _, id := range []string{"others", "missing", "own"} {
		resp := b.do(http.MethodHead, "/progress", nil, "Last-Event-ID", id+".1")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("%s: %s %s", id, resp.Status, resp.Header.Get("Content-Type"))
		}
	}
}

// TestCookiesOfOtherProgramsHideNoSession: a browser also sends the cookies that programs on other ports of this host have set, and
// those for a longer path first.
func TestCookiesOfOtherProgramsHideNoSession(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.LocalSignIn = true })
	session := b.session("Authorization", "", "Origin", b.url)
	foreign := "headway_session=other; headway_session="
	cookies := foreign + "; " + session
	if status, body := b.get("/api/v1/session", "Authorization", "", "Cookie", cookies); status != http.StatusOK || body["user"] != "local" {
		t.Errorf("%d %v", status, body)
	}
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", foreign), http.StatusUnauthorized, "TOKEN_INVALID")
	if resp := b.do(http.MethodDelete, "/api/v1/session", nil, "Authorization", "", "Cookie", cookies, "Origin", b.url); resp.StatusCode != http.StatusNoContent {
		t.Errorf("sign out: %s", resp.Status)
	}
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", session), http.StatusUnauthorized, "TOKEN_EXPIRED")
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", cookies), http.StatusUnauthorized, "TOKEN_EXPIRED")
}

// TestUpstreamsGetNoSession: a browser also sends the cookies of sessions that began on another kind of connection to this
// host, or below another path.
func TestUpstreamsGetNoSession(t *testing.T) {
	got := make(chan string, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Cookie") }))
	defer upstream.Close()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte("path: /report\nproxy_upstream: "+upstream.URL+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := setup(t, func(c *edge.Config) { c.Routes = []string{file} })
	for _, scheme := range []string{"http", "https"} {
		b.do(http.MethodGet, "/report", nil, "X-Forwarded-Proto", scheme,
			"Cookie", "a=1; headway_session=x; __Host-headway_session=y; __Secure-headway_session=z; headway_session=w; headway_session_0a=v; __Host-headway_session_0a=u; headway_sessions=3; b=2")
		if cookies := <-got; cookies != "a=1; headway_sessions=3; b=2" {
			t.Errorf("%s: the upstream gets %q", scheme, cookies)
		}
	}
}

// TestUpstreamsSetNoSession: an upstream must not replace a user's session with that of another user.
func TestUpstreamsSetNoSession(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, cookie := range []string{"a=1; Path=/", "headway_session=x; Path=/", "headway_session_0a=x; Path=/", "__Host-headway_session_0a=x", "__Host-headway_session=x; Secure; Path=/", " headway_session =x",
			"__Secure-headway_session=; Max-Age=0", "=headway_session=x", "headway_session", "b=headway_session=x"} {
			w.Header().Add("Set-Cookie", cookie)
		}
	}))
	defer upstream.Close()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte("path: /report\nproxy_upstream: "+upstream.URL+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := setup(t, func(c *edge.Config) { c.Routes = []string{file} })
	if got := b.do(http.MethodGet, "/report", nil).Header.Values("Set-Cookie"); !slices.Equal(got, []string{"a=1; Path=/", "b=headway_session=x"}) {
		t.Errorf("the browser gets %q", got)
	}
}

// TestSessionsOfTwoHeadwaysOnOneHost: a browser sends cookies to all ports of a host, so both get each other's.
func TestSessionsOfTwoHeadwaysOnOneHost(t *testing.T) {
	local := func(c *edge.Config) { c.LocalSignIn = true }
	one := setup(t, local)
	two := one.another(func(c *edge.Config) {
		key, err := auth.NewKey(bytes.Repeat([]byte("2"), 32))
		if err != nil {
			t.Fatal(err)
		}
		local(c)
		c.Key, c.Verifier = key, key
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	one.client.Jar, two.client.Jar = jar, jar
	signIn := func(b *bench) {
		t.Helper()
		if resp := b.do(http.MethodPost, "/api/v1/session", b.secret(), "Authorization", "", "Origin", b.url); resp.StatusCode != http.StatusOK {
			t.Fatalf("sign in: %s", resp.Status)
		}
	}
	signedIn := func(b *bench, want any) {
		t.Helper()
		if _, body := b.get("/api/v1/session", "Authorization", ""); body["user"] != want {
			t.Errorf("the user is %v, want %v", body["user"], want)
		}
	}
	signIn(one)
	signIn(two)
	signedIn(one, "local")
	signedIn(two, "local")
	if resp := one.do(http.MethodDelete, "/api/v1/session", nil, "Authorization", "", "Origin", one.url); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("sign out: %s", resp.Status)
	}
	signedIn(one, nil)
	signedIn(two, "local")
	signIn(one)
	signedIn(two, "local")
}

// TestSessionsWithEarlierNamesOfCookies: versions without IDs in the names of cookies made some, and so did replaced keys.
func TestSessionsWithEarlierNamesOfCookies(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.LocalSignIn = true })
	_, value, _ := strings.Cut(b.session("Authorization", "", "Origin", b.url), "=")
	for _, name := range []string{"headway_session", "headway_session_00000000"} {
		if status, body := b.get("/api/v1/session", "Authorization", "", "Cookie", name+"="+value); status != http.StatusOK || body["user"] != "local" {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	resp := b.do(http.MethodDelete, "/api/v1/session", nil, "Authorization", "", "Cookie", "headway_session="+value+"; headway_session_0=other", "Origin", b.url)
	var deleted []string
	for _, cookie := range resp.Cookies() {
		deleted = append(deleted, cookie.Name)
	}
	if len(deleted) != 2 || deleted[0] != "headway_session" || slices.Contains(deleted, "headway_session_0") {
		t.Errorf("deleted are %v", deleted)
	}
	b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "Authorization", "", "Cookie", "headway_session="+value), http.StatusUnauthorized, "TOKEN_EXPIRED")
}
