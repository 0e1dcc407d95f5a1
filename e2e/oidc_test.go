package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"headway/internal/proctest"
)

// provider is an OpenID Connect provider on this machine.
type provider struct {
	t       *testing.T
	address string
	mu      sync.Mutex
	name    string
	key     *rsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, address: proctest.FreeAddress(t)}
	p.rotate("first")
	return p
}

func (p *provider) url() string { return "http://" + p.address }

// rotate creates a new key. From then on, only that key is published.
func (p *provider) rotate(name string) {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.key = name, key
}

// open makes the provider available.
func (p *provider) open() *httptest.Server {
	p.t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": p.url(), "jwks_uri": p.url() + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.name, Algorithm: "RS256", Use: "sig"}}})
	})
	lis, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &httptest.Server{Listener: lis, Config: &http.Server{Handler: mux}}
	server.Start()
	p.t.Cleanup(server.Close)
	return server
}

func (p *provider) token(subject string, roles ...string) string {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": p.url(), "aud": []string{"account", "our-headway"}, "sub": subject, "exp": time.Now().Add(time.Hour).Unix(),
		"realm_access": map[string]any{"roles": roles},
	})
	token.Header["kid"] = p.name
	text, err := token.SignedString(p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// TestOpenIDUsersWorkWithEveryService starts the server while the provider is down. Later, the provider changes its key and
// goes down again.
func TestOpenIDUsersWorkWithEveryService(t *testing.T) {
	t.Parallel() // most of the time is spent waiting until the keys are fetched again
	p := newProvider(t)
	s := begin(t, "--oidc-issuer", p.url(), "--oidc-audience", "our-headway", "--oidc-scope-claim", "realm_access.roles")

	var readiness map[string]any
	eventually(t, "the server reports that it waits for the provider", func() error {
		res, err := http.Get("http://" + s.edge + "/readyz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&readiness); err != nil {
			return err
		}
		if readiness["jobs"] != "ok" || readiness["importer"] != "ok" || res.StatusCode != http.StatusServiceUnavailable || readiness["issuer"] != "unreachable" {
			return fmt.Errorf("%s %v", res.Status, readiness)
		}
		return nil
	})
	if status, answer := s.rest(p.token("ann"), "GET", "/api/v1/jobs", nil); status != http.StatusServiceUnavailable || answer["reason"] != "ISSUER_UNAVAILABLE" {
		t.Errorf("while the provider is down: %d %v", status, answer)
	}
	// An EventSource must retry. Any status other than 200 would end it permanently.
	if out := s.curl("-N", "-i", "-H", "Accept: text/event-stream", "-H", "Authorization: Bearer "+p.token("ann"), "http://"+s.edge+"/api/v1/sse/jobs/my"); !strings.Contains(out, "200 OK") || !strings.Contains(out, "retry:") {
		t.Errorf("a stream while the provider is down: %s", out)
	}
	server := p.open()
	s.waitReady()

	ann, bob := p.token("ann"), p.token("bob")
	status, answer := s.rest(ann, "POST", "/api/v1/jobs", map[string]any{"kind": "media", "title": "T"})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	job := field(t, answer, "job", "jobId").(string)
	if owner := field(t, answer, "job", "owner"); owner != "ann" {
		t.Errorf("the owner is %v", owner)
	}
	if status, answer := s.rest(bob, "GET", "/api/v1/jobs/"+job, nil); status != http.StatusNotFound {
		t.Errorf("another user: %d %v", status, answer)
	}
	if status, answer := s.rest(p.token("eve", "headway:admin"), "GET", "/api/v1/jobs/"+job, nil); status != http.StatusOK {
		t.Errorf("an admin: %d %v", status, answer)
	}
	// The services verify tokens themselves, even without the edge.
	for service, call := range map[string][]string{s.jobs: {"headway.jobs.v1.JobService/ListJobs"}, s.importer: {"headway.imports.v1.ImportService/ListImports"}} {
		for token, ok := range map[string]bool{ann: true, ann[:len(ann)-8] + "AAAAAAAA": false} {
			out, err := exec.Command(grpcurlProgram, append([]string{"-plaintext", "-H", "authorization: Bearer " + token, service}, call...)...).CombinedOutput()
			if (err == nil) != ok {
				t.Errorf("%v: good is %v: %v %s", call, ok, err, out)
			}
		}
	}
	// Callers without an account at the provider, such as workers, have tokens that are signed with the key.
	if status, answer := s.rest(s.token("worker-1"), "GET", "/api/v1/jobs", nil); status != http.StatusOK {
		t.Errorf("a token that is signed with the key: %d %v", status, answer)
	}
	// A token that was entered in the web UI is exchanged for a cookie.
	if out := s.curl("-i", "-X", "POST", "-H", "Authorization: Bearer "+ann, "http://"+s.edge+"/api/v1/session"); !strings.Contains(out, "headway_session_") || !strings.Contains(out, `"user":"ann"`) {
		t.Errorf("signing in with a token: %s", out)
	}
	// There is no local sign-in.
	req, err := http.NewRequest("POST", "http://"+s.edge+"/api/v1/session", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "http://"+s.edge)
	if status, answer := do(t, req); status != http.StatusForbidden || answer["reason"] != "SIGN_IN_UNAVAILABLE" {
		t.Errorf("local sign-in: %d %v", status, answer)
	}

	p.rotate("second")
	eventually(t, "a token of the new key is good", func() error {
		if status, answer := s.rest(p.token("ann"), "GET", "/api/v1/jobs/"+job, nil); status != http.StatusOK {
			return fmt.Errorf("%d %v", status, answer)
		}
		return nil
	})
	if status, answer := s.rest(ann, "GET", "/api/v1/jobs/"+job, nil); status != http.StatusUnauthorized {
		t.Errorf("a token of the withdrawn key: %d %v", status, answer)
	}
	server.Close()
	if status, answer := s.rest(p.token("ann"), "GET", "/api/v1/jobs/"+job, nil); status != http.StatusOK {
		t.Errorf("with the provider down again: %d %v", status, answer)
	}
	s.waitReady()
}
