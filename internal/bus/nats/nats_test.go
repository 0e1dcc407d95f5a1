package nats

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"headway/internal/bus"
	"headway/internal/bus/bustest"
	"headway/internal/natstest"
	"headway/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg Config) *Bus {
	t.Helper()
	cfg.Subject, cfg.Logger = "headway.test", slog.New(slog.NewTextHandler(io.Discard, nil))
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNATSKeepsTheContract(t *testing.T) {
	bustest.Run(t, func(t *testing.T) func() bus.Bus {
		address := natstest.Start(t)
		return func() bus.Bus { return open(t, Config{Settings: Settings{Bus: "nats://" + address}}) }
	})
}

// connected reports whether the bus connects.
func connected(b *Bus, within time.Duration) bool {
	for begun := time.Now(); time.Since(begun) < within; time.Sleep(5 * time.Millisecond) {
		if b.Connected() {
			return true
		}
	}
	return false
}

func TestTokenIsReadFromFile(t *testing.T) {
	address := natstest.Start(t, func(o *server.Options) { o.Authorization = "the token" })
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("another token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Config{Settings: Settings{Bus: "nats://" + address, BusTokenFile: file}})
	defer b.Close()
	if connected(b, 8*reconnectWait) { // for several attempts
		t.Fatal("a wrong token is accepted")
	}
	if err := os.WriteFile(file, []byte("the token\n"), 0o600); err != nil { // it is read again
		t.Fatal(err)
	}
	if !connected(b, 30*time.Second) {
		t.Error("the bus does not connect with the new token")
	}
}

// TestDeniedSubjectsMeanDisconnected has a server that accepts the connection, but neither messages nor subscriptions. The log must
// not have a line for each message.
func TestDeniedSubjectsMeanDisconnected(t *testing.T) {
	nothing := &server.SubjectPermission{Deny: []string{">"}}
	address := natstest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "service", Permissions: &server.Permissions{Publish: nothing, Subscribe: nothing}}}
		o.NoAuthUser = "service"
	})
	var log proctest.Log
	b, err := Open(Config{Settings: Settings{Bus: "nats://" + address}, Subject: "headway.test", Meanwhile: "updates are late", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Subscribe(func([]byte) {}); err != nil {
		t.Fatal(err)
	}
	const messages = 100
	for sent := 0; sent < messages || b.Connected(); sent++ {
		if sent == 100*messages {
			t.Fatal("a bus that passes nothing on says that it is connected")
		}
		b.Publish([]byte("late"))
		time.Sleep(time.Millisecond)
	}
	if lines := strings.Count(log.String(), "headway.test.>"); lines != 1 {
		t.Errorf("the log has %d lines about it:\n%s", lines, log.String())
	}
}

func TestBusConnectsWithCertificates(t *testing.T) {
	authority, other := proctest.NewAuthority(t), proctest.NewAuthority(t)
	serverCert, serverKey := authority.Issue(t, "server")
	cert, key := authority.Issue(t, "jobs")
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	authorities := x509.NewCertPool()
	text, err := os.ReadFile(authority.File)
	if err != nil || !authorities.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	address := natstest.Start(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: authorities, ClientAuth: tls.RequireAndVerifyClientCert}
	})
	for name, c := range map[string]struct {
		cfg  Config
		want bool
	}{
		"both":                {Config{Settings: Settings{BusCAFile: authority.File, BusCertFile: cert, BusKeyFile: key}}, true},
		"without a client's":  {Config{Settings: Settings{BusCAFile: authority.File}}, false},
		"without authorities": {Config{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Bus = "tls://" + address
			b := open(t, c.cfg)
			defer b.Close()
			wait := 30 * time.Second
			if !c.want {
				wait = 300 * time.Millisecond
			}
			if got := connected(b, wait); got != c.want {
				t.Errorf("connected is %v, want %v", got, c.want)
			}
		})
	}
	t.Run("replaced files", func(t *testing.T) {
		ca, newCert, newKey := filepath.Join(t.TempDir(), "ca"), filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
		replace := func(by *proctest.Authority) {
			t.Helper()
			by.IssueTo(t, "jobs", newCert, newKey)
			text, err := os.ReadFile(by.File)
			if err == nil {
				err = os.WriteFile(ca, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		replace(other)
		b := open(t, Config{Settings: Settings{Bus: "tls://" + address, BusCAFile: ca, BusCertFile: newCert, BusKeyFile: newKey}})
		defer b.Close()
		if connected(b, 300*time.Millisecond) {
			t.Fatal("another authority is accepted")
		}
		replace(authority)
		if !connected(b, 30*time.Second) {
			t.Error("the bus does not connect with the new authority")
		}
	})
}

func TestInvalidSettingsAreNamed(t *testing.T) {
	for want, cfg := range map[string]Config{
		`--bus: "redis://host:1" is not the URL of a NATS server`:                   {Settings: Settings{Bus: "redis://host:1"}},
		"Use --bus-credentials-file or --bus-token-file":                            {Settings: Settings{Bus: "nats://user:secret@host:4222"}},
		"--bus-cert-file and --bus-key-file must be set together":                   {Settings: Settings{Bus: "nats://host:4222", BusCertFile: "cert"}},
		"--bus-credentials-file and --bus-token-file can't be set":                  {Settings: Settings{Bus: "nats://host:4222", BusCredentialsFile: "a", BusTokenFile: "b"}},
		"--bus-token-file: open /nowhere/token":                                     {Settings: Settings{Bus: "nats://host:4222", BusTokenFile: "/nowhere/token"}},
		`--bus-ca-file: nats: failed to parse root certificate from "nats_test.go"`: {Settings: Settings{Bus: "nats://host:4222", BusCAFile: "nats_test.go"}},
	} {
		err := cfg.Check()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}
