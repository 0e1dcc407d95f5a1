package edge_test

import (
	"bufio"
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

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge"
)

func TestCurlReadsAStreamToItsEnd(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	cmd := exec.CommandContext(t.Context(), "curl", "-sS", "-N", "-i", "-H", "Authorization: Bearer "+b.token("ann"), b.url+"/api/v1/sse/jobs/media/j1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var text strings.Builder
	for !strings.Contains(text.String(), "initial_status") {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %s", err, text.String())
		}
		text.WriteString(line)
	}
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil { // curl exits with 18 if a transfer was cut
		t.Errorf("curl: %v", err)
	}
	if !strings.Contains(string(rest), `"status":"completed"`) {
		t.Errorf("got %s%s", text.String(), rest)
	}
}

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T, dir string) (certFile, keyFile string, pool *x509.CertPool) {
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
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(cert)
	return certFile, keyFile, pool
}

func TestEveryKindOfConnectionCarriesStreams(t *testing.T) {
	certFile, keyFile, pool := certificate(t, t.TempDir())
	b := setup(t, func(c *edge.Config) {
		c.TLSCertFile, c.TLSKeyFile, c.Keepalive, c.WriteTimeout = certFile, keyFile, 2*time.Second, time.Second
	})
	b.url = strings.Replace(b.url, "http:", "https:", 1)
	for name, http2 := range map[string]bool{"HTTP/1.1 over TLS": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2}
			defer transport.CloseIdleConnections()
			b.client = &http.Client{Transport: transport}
			id := "j" + fmt.Sprint(http2)
			b.jobs.put(id, "media", "ann", nil)
			s := b.open("/api/v1/sse/jobs/media/" + id)
			if got := s.resp.ProtoMajor == 2; got != http2 {
				t.Fatalf("spoke %s", s.resp.Proto)
			}
			s.want("connected")
			s.want("initial_status")
			mine := b.open("/api/v1/sse/jobs/my")
			mine.want("connected")
			timer := time.AfterFunc(4*time.Second, func() { b.jobs.put(id, "", "", progress(5, "")) }) // longer than the write timeout
			defer timer.Stop()
			s.want("job_update")
			if s.comments == 0 {
				t.Error("no keepalive")
			}
			b.jobs.put(id, "", "", func(j *jobsv1.Job) { j.Status = completed })
			s.want("job_update")
			s.wantEnd()
			mine.until("the end", func(e event) bool { return e.data["status"] == "completed" })
			mine.close()
		})
	}
}

func TestHTTP10GetsAStreamToo(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /api/v1/sse/jobs/media/j1 HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", b.token("ann"))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := readStream(t, resp)
	s.want("connected")
	s.want("initial_status")
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	s.want("job_update")
	s.wantEnd()
}

func TestHeadersThatNeverEndDoNotHoldAConnection(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.HeaderTimeout = 100 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil { // the server hangs up; a timeout would be an error
		t.Error(err)
	}
	resp := b.do(http.MethodGet, "/healthz", nil, "X-Large", strings.Repeat("x", 64<<10))
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: %s", resp.Status)
	}
}
