package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"headway/internal/proctest"
)

// proxy is a reverse proxy in front of a server, with the configuration in deploy.
type proxy struct {
	*server
	// url is its address, with HTTPS.
	url    string
	client *http.Client
	// reload makes it read its configuration again. A second later, open streams are cut.
	reload func() error
	ann    string
}

// adapted reads a configuration, and replaces the parts that differ in tests. Each of them must exist.
func adapted(t *testing.T, file string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !bytes.Contains(text, []byte(replace[i])) {
			t.Fatalf("deploy/%s does not contain %q", file, replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(string(text))
}

// newCertificate writes a certificate for 127.0.0.1 and its key into a folder.
func newCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// launchProxy runs the program of a proxy until the test ends.
func launchProxy(t *testing.T, s *server, address string, pool *x509.CertPool, program string, args ...string) *proxy {
	t.Helper()
	log := &proctest.Log{}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is missing. Install it with make test-programs: %v", program, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		_ = cmd.Wait()                       // by the signal
		if t.Failed() {
			t.Logf("%s: %s", program, log)
		}
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	p := &proxy{server: s, url: "https://" + address, client: &http.Client{Transport: transport}, ann: s.token("ann")}
	eventually(t, program+" answers", func() error {
		res, err := p.client.Get(p.url + "/readyz")
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			return fmt.Errorf("%s %s", res.Proto, res.Status)
		}
		return nil
	})
	return p
}

// nginxProgram returns the path of nginx.
func nginxProgram() string {
	if found, err := exec.LookPath("nginx"); err == nil {
		return found
	}
	return "/usr/sbin/nginx"
}

// nginxMain returns the configuration of an nginx that has all its files in a folder, and includes one of them.
func nginxMain(dir, site string, connections int) string {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // only the current user can read the folders
	}
	return fmt.Sprintf(`%s
pid %[2]s/nginx.pid;
error_log stderr;
worker_processes 1;
worker_shutdown_timeout 1s;
events { worker_connections %[4]d; }
http {
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	include %[2]s/%[3]s;
}
`, user, dir, site, connections)
}

func startNginx(t *testing.T) *proxy {
	t.Helper()
	s := start(t, "--keepalive=2s")
	dir, address := t.TempDir(), proctest.FreeAddress(t)
	pool := newCertificate(t, dir)
	writeFile(t, filepath.Join(dir, "headway.conf"), adapted(t, "nginx/headway.conf",
		"server 127.0.0.1:8080;", "server "+s.edge+";", "listen 443 ssl http2;", "listen "+address+" ssl http2;",
		"server_name headway.example.com;", "server_name 127.0.0.1;",
		"/etc/ssl/headway/", dir+"/", "/var/log/nginx/headway.log", dir+"/access.log"))
	conf := filepath.Join(dir, "nginx.conf")
	writeFile(t, conf, nginxMain(dir, "headway.conf", 512))
	nginx := nginxProgram()
	p := launchProxy(t, s, address, pool, nginx, "-p", dir, "-c", conf, "-g", "daemon off;")
	p.reload = func() error { return exec.Command(nginx, "-p", dir, "-c", conf, "-s", "reload").Run() }
	t.Cleanup(func() {
		text, err := os.ReadFile(filepath.Join(dir, "access.log"))
		if err != nil || len(text) == 0 || strings.Contains(string(text), "token=") {
			t.Errorf("unexpected log of the proxy: %v %s", err, text)
		}
	})
	return p
}

func startCaddy(t *testing.T) *proxy {
	t.Helper()
	s := start(t, "--keepalive=2s")
	dir, address, admin := t.TempDir(), proctest.FreeAddress(t), proctest.FreeAddress(t)
	pool := newCertificate(t, dir)
	site := adapted(t, "caddy/Caddyfile", "headway.example.com {", "https://"+address+" {\n\ttls "+dir+"/cert.pem "+dir+"/key.pem", "127.0.0.1:8080", s.edge)
	conf := filepath.Join(dir, "Caddyfile")
	global := func(n int) string {
		return fmt.Sprintf("{\n\tadmin %s\n\tgrace_period 1s\n\tauto_https disable_redirects\n\tstorage file_system %s/storage-%d\n}\n", admin, dir, n)
	}
	writeFile(t, conf, global(0)+site)
	p := launchProxy(t, s, address, pool, "caddy", "run", "--config", conf, "--adapter", "caddyfile")
	p.reload = func() error {
		writeFile(t, conf, global(1)+site) // Caddy ignores an unchanged configuration
		return exec.Command("caddy", "reload", "--config", conf, "--adapter", "caddyfile", "--address", admin).Run()
	}
	return p
}

func (p *proxy) request(method, path string, body io.Reader, headers ...string) *http.Request {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.ann)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

func (p *proxy) do(method, path string, body io.Reader, headers ...string) *http.Response {
	p.t.Helper()
	res, err := p.client.Do(p.request(method, path, body, headers...))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { res.Body.Close() })
	return res
}

// newJob creates a job of a kind without workers.
func (p *proxy) newJob() string {
	p.t.Helper()
	status, answer := p.rest(p.ann, "POST", "/api/v1/jobs", map[string]any{"kind": "media"})
	if status != http.StatusOK {
		p.t.Fatalf("%d %v", status, answer)
	}
	return field(p.t, answer, "job", "jobId").(string)
}

// line is the next event of a stream, or a comment.
type line struct {
	id, data string
	comment  bool
}

// follow opens a stream, and returns its lines. The channel is closed when the stream ends.
func (p *proxy) follow(path, lastEventID string) (events <-chan line, hangUp func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	req := p.request("GET", path, nil)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := p.client.Do(req.WithContext(ctx))
	if err != nil {
		p.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Content-Encoding") != "" {
		p.t.Fatalf("%s %v", res.Status, res.Header)
	}
	c := make(chan line, 1000)
	go func() {
		defer close(c)
		defer res.Body.Close()
		var l line
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			switch name, value, _ := strings.Cut(lines.Text(), ":"); {
			case lines.Text() == "" && l.data != "":
				c <- l
				l = line{}
			case lines.Text() == "":
			case name == "":
				c <- line{comment: true}
			case name == "id":
				l.id = strings.TrimSpace(value)
			case name == "data":
				l.data = value
			}
		}
	}()
	return c, cancel
}

// await waits for a line that satisfies a condition.
func await(t *testing.T, what string, events <-chan line, ok func(line) bool) line {
	t.Helper()
	timeout := time.After(timeout)
	for {
		select {
		case l, open := <-events:
			if !open {
				t.Fatalf("the stream ended before %s", what)
			}
			if ok(l) {
				return l
			}
		case <-timeout:
			t.Fatalf("%s did not arrive", what)
		}
	}
}
