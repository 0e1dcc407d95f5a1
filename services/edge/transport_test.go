package edge_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/textproto"
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
	if err := cmd.Wait(); err != nil { // curl exits with 18 if a transfer was aborted
		t.Errorf("curl: %v", err)
	}
	if !strings.Contains(string(rest), `"status":"completed"`) {
		t.Errorf("got %s%s", text.String(), rest)
	}
}

// pemPair is a certificate for 127.0.0.1, with a name that identifies it, and its key.
type pemPair struct{ cert, key []byte }

func newPair(t *testing.T, name string) (pemPair, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pemPair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, cert
}

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T, dir string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	pair, cert := newPair(t, "first")
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, pair.cert)
	write(t, keyFile, pair.key)
	pool = x509.NewCertPool()
	pool.AddCert(cert)
	return certFile, keyFile, pool
}

// write overwrites a file in place.
func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace replaces a file with a new one, by a rename.
func replace(t *testing.T, name string, text []byte) {
	t.Helper()
	write(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func TestRenewedCertificateIsUsedImmediately(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, _ := certificate(t, dir)
	b := setup(t, func(c *edge.Config) { c.TLSCertFile, c.TLSKeyFile = certFile, keyFile })
	shown := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", strings.TrimPrefix(b.url, "http://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
			t.Errorf("negotiated %q", got)
		}
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	is := func(want, when string) {
		t.Helper()
		if got := shown(); got != want {
			t.Errorf("%s: the certificate is %q, want %q", when, got, want)
		}
	}
	is("first", "at the start")

	second, _ := newPair(t, "second")
	replace(t, certFile, second.cert)
	is("first", "with another key's certificate")
	replace(t, keyFile, second.key)
	is("second", "replaced by rename")

	third, _ := newPair(t, "third")
	write(t, keyFile, third.key)
	is("second", "with another certificate's key")
	write(t, certFile, third.cert[:len(third.cert)/2])
	is("second", "with half a certificate")
	write(t, certFile, third.cert)
	is("third", "written in place")

	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	is("third", "without a key")
	is("third", "without a key, again")
	fourth, _ := newPair(t, "fourth")
	write(t, certFile, fourth.cert)
	write(t, keyFile, fourth.key)
	is("fourth", "written again")

	// Like a secret that Kubernetes mounts: a link to a folder is changed to another folder.
	links := map[string]pemPair{"a": fourth, "b": second}
	for name, pair := range links {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "cert.pem"), pair.cert)
		write(t, filepath.Join(dir, name, "key.pem"), pair.key)
	}
	turn := func(to string) {
		t.Helper()
		if err := errors.Join(os.Symlink(to, filepath.Join(dir, "data.new")), os.Rename(filepath.Join(dir, "data.new"), filepath.Join(dir, "data"))); err != nil {
			t.Fatal(err)
		}
	}
	turn("a")
	for _, name := range []string{certFile, keyFile} {
		if err := errors.Join(os.Remove(name), os.Symlink(filepath.Join("data", filepath.Base(name)), name)); err != nil {
			t.Fatal(err)
		}
	}
	is("fourth", "through a link")
	turn("b")
	is("second", "with the link turned")

	log := b.log.String()
	if n := strings.Count(log, "can't use the new TLS certificate"); n != 4 {
		t.Errorf("%d lines about unusable files, want 4: one for each time they were: %s", n, log)
	}
	if strings.Contains(log, "PRIVATE KEY") {
		t.Error("a key is in the log")
	}
}

func TestStreamsOverHTTP2AndTLS(t *testing.T) {
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

func TestHTTP10GetsStreams(t *testing.T) {
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

func TestHeadOfStreamHasEachFieldOnce(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	for name, body := range map[string]string{
		"no body":       "\r\n",
		"a length":      "Content-Length: 1\r\n\r\na",
		"a chunked one": "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /api/v1/sse/jobs/media/j1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s", b.token("ann"), body)
		lines := textproto.NewReader(bufio.NewReader(conn))
		if line, err := lines.ReadLine(); err != nil || line != "HTTP/1.1 200 OK" {
			t.Fatal(line, err)
		}
		header, err := lines.ReadMIMEHeader()
		if err != nil {
			t.Fatal(err)
		}
		for field, values := range header {
			if len(values) > 1 {
				t.Errorf("with %s, %s is %q", name, field, values)
			}
		}
	}
}

func TestEndlessHeadersAreCut(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.HeaderTimeout = 100 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil { // the server disconnects; a timeout would be an error
		t.Error(err)
	}
	resp := b.do(http.MethodGet, "/healthz", nil, "X-Large", strings.Repeat("x", 64<<10))
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: %s", resp.Status)
	}
}

// TestHalfHandshakesAreCut opens connections that send nothing, or the beginning of a TLS handshake.
func TestHalfHandshakesAreCut(t *testing.T) {
	certFile, keyFile, _ := certificate(t, t.TempDir())
	b := setup(t, func(c *edge.Config) {
		c.TLSCertFile, c.TLSKeyFile, c.HeaderTimeout = certFile, keyFile, 100*time.Millisecond
	})
	for _, begin := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, begin)
		if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil { // the server disconnects; a timeout would be an error
			t.Errorf("after %q: %v", begin, err)
		}
	}
}
