// Package nats connects replicas through NATS.
package nats

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"headway/internal/alarm"
	"headway/internal/bus"
)

const (
	// room is the number of messages that can wait to be sent. Further ones are lost.
	room = 1024
	// writeTimeout is how long the server can refuse to take data, before the connection counts as lost.
	writeTimeout = 2 * time.Second
	// pingInterval is the interval between two pings. After two without an answer, the connection counts as lost.
	pingInterval   = 5 * time.Second
	connectTimeout = 3 * time.Second
	reconnectWait  = 500 * time.Millisecond
	// queueGroup is the group of the replicas that await a kind.
	queueGroup = "replicas"
)

// Settings are the operator's settings. Each is a flag and an environment variable of the programs. The files are read again for each
// connection.
type Settings struct {
	Bus                string `help:"URLs of the NATS servers that connect the replicas of a service, such as tls://HOST:4222. Separated by commas. Without it, replicas of the jobs service learn of each other's changes within two seconds, and each edge limits the streams and requests of users on its own." placeholder:"URL"`
	BusCredentialsFile string `help:"File with the credentials for NATS (JWT and key)." placeholder:"FILE" type:"path"`
	BusTokenFile       string `help:"File with the token for NATS." placeholder:"FILE" type:"path"`
	BusCAFile          string `help:"File with the certificates (PEM) of the authorities that sign those of the NATS servers. Empty for those of the operating system." placeholder:"FILE" type:"path" name:"bus-ca-file"`
	BusCertFile        string `help:"Certificate (PEM) with which this service connects to NATS." placeholder:"FILE" type:"path"`
	BusKeyFile         string `help:"Private key (PEM) of that certificate." placeholder:"FILE" type:"path"`
}

// Config describes the connection. Of Settings, only Bus is required.
type Config struct {
	Settings
	// Name is the name of this client, and Subject is the beginning of all subjects.
	Name, Subject string
	// Meanwhile describes the effect of a lost connection, for the log.
	Meanwhile string
	Logger    *slog.Logger
}

// Bus is a bus.Bus.
type Bus struct {
	cfg     Config
	conn    *nats.Conn
	outbox  chan message
	dropped atomic.Uint64
	// denied means that the server has refused a subject on this connection, so that messages are not passed on.
	denied  atomic.Bool
	refused *alarm.Alarm
	closing chan struct{}
	sending sync.WaitGroup
	closed  chan struct{} // by the connection, after its last callback
}

type message struct {
	subject string
	data    []byte
}

var _ bus.Bus = (*Bus)(nil)

// Check returns what is wrong with the settings.
func (c *Config) Check() error {
	for one := range strings.SplitSeq(c.Bus, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		switch {
		case err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls":
			return fmt.Errorf("--bus: %q is not the URL of a NATS server, such as nats://127.0.0.1:4222 or tls://HOST:4222", redacted(one))
		case u.User != nil:
			return errors.New("--bus contains a password or a token, which every user of this machine could read. Use --bus-credentials-file or --bus-token-file")
		}
	}
	if (c.BusCertFile == "") != (c.BusKeyFile == "") {
		return errors.New("--bus-cert-file and --bus-key-file must be set together")
	}
	if c.BusCredentialsFile != "" && c.BusTokenFile != "" {
		return errors.New("--bus-credentials-file and --bus-token-file can't be set together")
	}
	for flag, name := range map[string]string{"credentials": c.BusCredentialsFile, "token": c.BusTokenFile} {
		if name == "" {
			continue
		}
		if _, err := os.ReadFile(name); err != nil {
			return fmt.Errorf("--bus-%s-file: %w", flag, err)
		}
	}
	for flag, option := range c.tls() {
		if err := option(&nats.Options{}); err != nil {
			return fmt.Errorf("--bus-%s-file: %w", flag, err)
		}
	}
	return nil
}

// tls returns the options for TLS by the flag of their file. Each connection reads the files again.
func (c *Config) tls() map[string]nats.Option {
	options := map[string]nats.Option{}
	if c.BusCAFile != "" {
		options["ca"] = nats.RootCAs(c.BusCAFile)
	}
	if c.BusCertFile != "" {
		options["cert"] = nats.ClientCert(c.BusCertFile, c.BusKeyFile)
	}
	return options
}

// redacted returns a URL without a password.
func redacted(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Redacted()
	}
	return "it"
}

// Open connects in the background, again and again while the servers can't be reached.
func Open(cfg Config) (*Bus, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	b := &Bus{cfg: cfg, outbox: make(chan message, room), closing: make(chan struct{}), closed: make(chan struct{})}
	b.refused = alarm.New(cfg.Logger, "the NATS server refuses a subject. Allow this service to publish and to subscribe to "+cfg.Subject+".>. Until then, "+cfg.Meanwhile)
	options := []nats.Option{
		nats.Name(cfg.Name), nats.NoEcho(), nats.Timeout(connectTimeout), nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.IgnoreAuthErrorAbort(), // the operator can replace the secret, or repair the server
		nats.ReconnectBufSize(-1),   // what can't be sent now is in the store
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(writeTimeout),
		nats.ConnectHandler(func(c *nats.Conn) { cfg.Logger.Info("connected to the bus", "server", c.ConnectedUrlRedacted()) }),
		nats.ReconnectHandler(func(c *nats.Conn) { cfg.Logger.Info("connected to the bus again", "server", c.ConnectedUrlRedacted()) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.denied.Store(false) // the next connection can have other permissions
			if err != nil {
				cfg.Logger.Warn("lost the bus. Until it is back, "+cfg.Meanwhile, "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				b.denied.Store(true)
				b.refused.Note(err)
				return
			}
			cfg.Logger.Warn("the bus reports an error", "error", err)
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	}
	if cfg.BusCredentialsFile != "" {
		options = append(options, nats.UserCredentials(cfg.BusCredentialsFile))
	}
	if cfg.BusTokenFile != "" {
		options = append(options, nats.TokenHandler(func() string {
			text, err := os.ReadFile(cfg.BusTokenFile)
			if err != nil {
				cfg.Logger.Error("can't read the token of the bus", "error", err)
			}
			return strings.TrimSpace(string(text))
		}))
	}
	for _, option := range cfg.tls() {
		options = append(options, option)
	}
	var err error
	if b.conn, err = nats.Connect(cfg.Bus, options...); err != nil {
		return nil, fmt.Errorf("--bus: %w", err)
	}
	if !b.Connected() {
		cfg.Logger.Warn("the bus can't be reached yet. Until then, "+cfg.Meanwhile, "error", cmp.Or(b.conn.LastError(), nats.ErrNoServers))
	}
	b.sending.Go(b.send)
	return b, nil
}

// send sends what is in the outbox, so that a connection that takes no data doesn't block others.
func (b *Bus) send() {
	for {
		select {
		case m := <-b.outbox:
			if err := b.conn.Publish(m.subject, m.data); err != nil {
				b.dropped.Add(1)
			}
		case <-b.closing:
			return
		}
	}
}

func (b *Bus) post(subject string, data []byte) {
	select {
	case b.outbox <- message{subject, data}:
	default:
		b.dropped.Add(1)
	}
}

// Dropped returns how many messages were not sent.
func (b *Bus) Dropped() uint64 { return b.dropped.Load() }

// Publish implements bus.Bus.
func (b *Bus) Publish(data []byte) { b.post(b.cfg.Subject+".commits", data) }

// Subscribe implements bus.Bus.
func (b *Bus) Subscribe(received func(data []byte)) error {
	_, err := b.conn.Subscribe(b.cfg.Subject+".commits", func(m *nats.Msg) { received(m.Data) })
	return err
}

// ready returns the subject of a kind.
func (b *Bus) ready(kind string) string {
	return b.cfg.Subject + ".ready." + base64.RawURLEncoding.EncodeToString([]byte(kind))
}

// Wake implements bus.Bus.
func (b *Bus) Wake(kind string, data []byte) { b.post(b.ready(kind), data) }

// Await implements bus.Bus.
func (b *Bus) Await(kind string, woken func(data []byte)) (stop func(), err error) {
	s, err := b.conn.QueueSubscribe(b.ready(kind), queueGroup, func(m *nats.Msg) { woken(m.Data) })
	if err != nil {
		return nil, err
	}
	return func() { _ = s.Unsubscribe() }, nil // it fails only if the connection is closed
}

// Connected implements bus.Bus.
func (b *Bus) Connected() bool { return b.conn.IsConnected() && !b.denied.Load() }

// Close implements bus.Bus.
func (b *Bus) Close() {
	close(b.closing)
	b.sending.Wait()
	b.conn.Close()
	<-b.closed
}
