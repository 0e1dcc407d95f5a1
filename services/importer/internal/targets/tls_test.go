package targets_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
)

// certificate returns a self-signed certificate for 127.0.0.1 and its key (PEM).
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// TestDatabaseWithTLSAndPassword connects to a server that accepts only encrypted connections with a password, and replaces the
// password while the target is in use.
func TestDatabaseWithTLSAndPassword(t *testing.T) {
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	server.Database(t, "shop")
	if out, err := server.SQL("postgres", `ALTER ROLE headway PASSWORD 'first'`); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cert, key := certificate(t)
	var settings []string
	for _, file := range []struct {
		setting, name string
		data          []byte
	}{
		{"ssl_cert_file", "server.crt", cert}, {"ssl_key_file", "server.key", key},
		{"hba_file", "hba.conf", []byte("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")},
	} {
		path, err := server.WriteFile(file.name, file.data)
		if err != nil {
			t.Fatal(err)
		}
		settings = append(settings, file.setting+"="+path)
	}
	server.Kill()
	if err := server.Restart(append(settings, "ssl=on")...); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	ca, password := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "password")
	put := func(path string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(ca, cert)
	put(password, []byte("first\n"))
	address := func(mode string) string {
		return fmt.Sprintf("postgres://headway@%s/shop?sslmode=%s&sslrootcert=%s", server.Address(), mode, ca)
	}
	ping := func(mode string) error {
		return open(t, fmt.Sprintf("targets:\n  a: {url: %q, password_file: %q}\ndefault: a\n", address(mode), password)).Ping(t.Context())
	}
	if err := ping("verify-full"); err != nil {
		t.Error(err)
	}
	if err := ping("disable"); !errors.Is(err, imports.ErrTargetUnavailable) {
		t.Errorf("without TLS: %v", err)
	}
	other, _ := certificate(t)
	put(ca, other)
	if err := ping("verify-full"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with the certificate of another server: %v", err)
	}
	put(ca, cert)
	set := open(t, fmt.Sprintf("targets:\n  a: {url: %q, password_file: %q}\ndefault: a\n", address("verify-full"), password))
	put(password, []byte("second"))
	err = set.Ping(t.Context())
	if !errors.Is(err, imports.ErrTargetUnavailable) || strings.Contains(err.Error(), "second") {
		t.Errorf("with a wrong password: %v", err)
	}
	put(password, []byte("first"))
	if err := set.Ping(t.Context()); err != nil {
		t.Errorf("with the right password again: %v", err)
	}
}
