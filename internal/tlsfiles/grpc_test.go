package tlsfiles_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"headway/internal/proctest"
	"headway/internal/tlsfiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func load(t *testing.T, cfg tlsfiles.Config) *tlsfiles.GRPC {
	t.Helper()
	files, err := tlsfiles.NewGRPC(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// serve serves health checks, and returns the address.
func serve(t *testing.T, transport credentials.TransportCredentials) string {
	t.Helper()
	server := grpc.NewServer(grpc.Creds(transport))
	healthv1.RegisterHealthServer(server, health.NewServer())
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return lis.Addr().String()
}

// check makes one call on a new connection.
func check(t *testing.T, address string, transport credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}

func TestOnlyCertificatesOfTheAuthorityAreAccepted(t *testing.T) {
	ours, theirs := proctest.NewAuthority(t), proctest.NewAuthority(t)
	serverCert, serverKey := ours.Issue(t, "server")
	clientCert, clientKey := ours.Issue(t, "client")
	foreignCert, foreignKey := theirs.Issue(t, "client")
	with := func(cert, key, ca string) credentials.TransportCredentials {
		return load(t, tlsfiles.Config{CertFile: cert, KeyFile: key, CAFile: ca}).Client()
	}
	oneWay := serve(t, load(t, tlsfiles.Config{CertFile: serverCert, KeyFile: serverKey}).Server())
	mutual := serve(t, load(t, tlsfiles.Config{CertFile: serverCert, KeyFile: serverKey, CAFile: ours.File, RequireClient: true}).Server())
	for name, c := range map[string]struct {
		address   string
		transport credentials.TransportCredentials
		accepted  bool
	}{
		"TLS, with the authority":               {oneWay, with("", "", ours.File), true},
		"TLS, with a certificate":               {oneWay, with(clientCert, clientKey, ours.File), true},
		"TLS, with another authority":           {oneWay, with("", "", theirs.File), false},
		"TLS, with the system's authorities":    {oneWay, with("", "", ""), false},
		"TLS, without encryption":               {oneWay, insecure.NewCredentials(), false},
		"mutual, with a certificate":            {mutual, with(clientCert, clientKey, ours.File), true},
		"mutual, without a certificate":         {mutual, with("", "", ours.File), false},
		"mutual, with a foreign certificate":    {mutual, with(foreignCert, foreignKey, ours.File), false},
		"mutual, with the server's certificate": {mutual, with(serverCert, serverKey, ours.File), true},
		"mutual, without encryption":            {mutual, insecure.NewCredentials(), false},
	} {
		if err := check(t, c.address, c.transport); (err == nil) != c.accepted {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAuthorityIsReplacedWithoutRestart replaces the authority, and then all certificates, one file after another. Connections
// succeed at each point.
func TestAuthorityIsReplacedWithoutRestart(t *testing.T) {
	before, after := proctest.NewAuthority(t), proctest.NewAuthority(t)
	serverCert, serverKey := before.Issue(t, "server")
	clientCert, clientKey := before.Issue(t, "client")
	server := load(t, tlsfiles.Config{CertFile: serverCert, KeyFile: serverKey, CAFile: before.File, RequireClient: true})
	client := load(t, tlsfiles.Config{CertFile: clientCert, KeyFile: clientKey, CAFile: before.File}).Client()
	address := serve(t, server.Server())
	step := func(name string, change func()) {
		t.Helper()
		change()
		if err := check(t, address, client); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	read := func(path string) []byte {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	write := func(path string, text []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", text, 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	step("at first", func() {})
	step("both authorities", func() { write(before.File, append(read(before.File), read(after.File)...)) })
	step("new certificate of the server", func() { after.IssueTo(t, "server", serverCert, serverKey) })
	step("new certificate of the client", func() { after.IssueTo(t, "client", clientCert, clientKey) })
	step("only the new authority", func() { write(before.File, read(after.File)) })
	step("an unusable file of authorities", func() { write(before.File, []byte("no certificate")) })
	step("an unusable certificate", func() { write(clientCert, []byte("no certificate")) })
}

func TestUnusableFilesAreNamed(t *testing.T) {
	a := proctest.NewAuthority(t)
	cert, key := a.Issue(t, "server")
	for name, cfg := range map[string]tlsfiles.Config{
		"no such certificate":       {CertFile: "none.pem", KeyFile: key},
		"key of another kind":       {CertFile: cert, KeyFile: a.File},
		"no such authority":         {CAFile: "none.pem"},
		"authority without content": {CAFile: key},
	} {
		if _, err := tlsfiles.NewGRPC(cfg, quiet); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
