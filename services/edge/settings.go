package edge

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"

	"headway/internal/auth"
	"headway/internal/bus/nats"
	"headway/internal/settings"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/mount"
)

// Settings are the operator's settings. Each is a flag and an environment variable of the programs. Zero fields have
// defaults.
type Settings struct {
	Listen string `help:"Address of the web UI, REST, and streams. Port 0 means any free port." default:"127.0.0.1:8080" placeholder:"ADDRESS"`

	TLSCertFile    string   `help:"Certificate chain (PEM) for HTTPS and HTTP/2. It is reloaded when the file changes." placeholder:"FILE" name:"tls-cert-file"`
	TLSKeyFile     string   `help:"Private key of the certificate (PEM)." placeholder:"FILE" name:"tls-key-file"`
	BasePath       string   `help:"Path prefix below which a proxy serves this server, for example /headway. The proxy can keep or strip the prefix." default:"" placeholder:"PATH"`
	TrustedProxies []string `help:"Addresses and networks (CIDR) of proxies that can name another prefix in X-Forwarded-Prefix. Separated by commas." placeholder:"ADDRESS"`

	Routes []string `help:"Files with additional routes (docs/routes.md). They are reloaded when they change. Separated by commas." placeholder:"FILE"`

	CORSOrigins  []string      `help:"Origins whose pages can call this server, for example https://app.example.com. Separated by commas." placeholder:"ORIGIN" name:"cors-origins"`
	TrustedHosts []string      `help:"Names without port that are accepted in the Host header, in addition to this machine's names on loopback. Separated by commas. Empty means any name, except on loopback." placeholder:"HOST"`
	SessionTTL   time.Duration `help:"How long a local session lasts." default:"12h" name:"session-ttl"`

	EdgeBlobs string `help:"URL of a bucket that all edges share, such as s3://BUCKET?prefix=edge/, for unfinished resumable uploads, sessions that were signed out, used tickets, and records of the final messages that declared routes have sent. Empty for directories in the data directory, if there is one edge." placeholder:"URL"`

	StreamsPerUser    int `help:"Maximum number of live streams per user, and of downloads. A new stream replaces the oldest one, and a new download is refused. A negative value means no limit." default:"64" negative:"no limit"`
	MaxStreams        int `help:"Maximum number of live streams and downloads in total. A negative value means no limit." default:"15000" negative:"no limit"`
	RequestsPerSecond int `help:"Maximum requests per second per user, not counting streams, with bursts of four times that. A negative value means no limit." default:"50" negative:"no limit"`

	UploadsPerUser         int            `help:"Maximum number of uploads in progress per user. A negative value means no limit." default:"4" negative:"no limit"`
	UploadTTL              time.Duration  `help:"How long an unfinished resumable upload is stored after its last byte." default:"24h" name:"upload-ttl"`
	UnfinishedPerUser      int            `help:"Maximum number of unfinished resumable uploads per user. New uploads replace those that have been idle for the longest time. A negative value means no limit." default:"64" negative:"no limit"`
	UnfinishedBytesPerUser settings.Bytes `help:"Maximum total size of a user's unfinished resumable uploads. 0 means four times the maximum size of a workbook. A negative value means no limit." negative:"no limit" placeholder:"SIZE"`
	UnfinishedBytes        settings.Bytes `help:"Maximum total size of all unfinished resumable uploads. A negative value means no limit." default:"10GiB" negative:"no limit" placeholder:"SIZE"`

	Keepalive     time.Duration `help:"Maximum time between two messages or comments of a live stream. Whole seconds." default:"15s" min:"2s"`
	Retry         time.Duration `help:"How long browsers wait before they reconnect to a stream. Jitter of up to half of it is added or subtracted." default:"3s"`
	WriteTimeout  time.Duration `help:"How long a live stream or a download can wait for its client to accept data. A slow client on the same machine can need two minutes." default:"150s"`
	HeaderTimeout time.Duration `help:"How long the headers of a request can take." default:"10s"`
	StallTimeout  time.Duration `help:"How long the body of a request or response can stall." default:"1m"`
	IdleTimeout   time.Duration `help:"How long a connection is kept open for the next request." default:"2m"`

	IOURing string `help:"Whether to send to many streams with one system call (io_uring): on, off, or auto (if the kernel allows it)." default:"auto" enum:"auto,on,off" name:"io-uring"`

	DrainDelay   time.Duration `help:"How long the edge continues to serve requests after a shutdown starts, so that load balancers notice that it is not ready." default:"0s"`
	DrainSpread  time.Duration `help:"Time in which 10,000 streams are closed during a shutdown. Fewer streams take less time." default:"2s"`
	DrainTimeout time.Duration `help:"How long the edge can take to shut down, not counting the delay." default:"4s"`
}

// Config configures the edge.
type Config struct {
	Settings
	// Listener, if set, is used instead of Listen. The edge closes it.
	Listener net.Listener
	// ServicesTLS are the credentials of connections to the jobs service and the importer. If they are nil, these are not
	// encrypted.
	ServicesTLS credentials.TransportCredentials
	// JobsAddress is the host:port of the jobs service. Default 127.0.0.1:9091.
	JobsAddress string
	// Bus connects this edge to the others, which enforce the limits per user together.
	Bus nats.Settings
	// ImporterAddress is the host:port of the importer. Default 127.0.0.1:9092.
	ImporterAddress string
	// MaxUploadBytes is the maximum size of a workbook, as in the importer. Default 512 MiB.
	MaxUploadBytes int64
	// DataDir is the directory for the state of an edge without EdgeBlobs. It belongs to this edge alone. If it is empty, the
	// state ends with the process.
	DataDir string
	// UploadsDir is the directory for unfinished resumable uploads of an edge without EdgeBlobs. It belongs to this edge alone.
	// Without both, there are no resumable uploads.
	UploadsDir string

	// Verifier checks the callers' tokens. Required.
	Verifier auth.Verifier
	// TokensReady returns the reason why tokens can't be checked, for example because their issuer is unavailable, or
	// nil. Without it, the edge is not ready. Optional.
	TokensReady func() error
	// Key signs the local user's tokens, and the edge's own if Service is not set. Required for either. It also encrypts the
	// cookies of sessions. Without it, sessions end with the process.
	Key *auth.Key
	// Service are the edge's own credentials. They need the scope headway:service. Default: signed with Key.
	Service credentials.PerRPCCredentials
	// LocalSignIn lets a user of this machine sign in with a link that the program prints. It requires a loopback
	// address.
	LocalSignIn bool
	// LocalUser is the user who signs in with a link. Default "local".
	LocalUser string

	// Logger receives the edge's log. Required.
	Logger *slog.Logger
	// Metrics is the registry for metrics. If it is nil, there are none.
	Metrics prometheus.Registerer
	// Page holds the built web UI, with index.html at its root. If it is nil, / shows how to build it.
	Page fs.FS

	proxies mount.Proxies
}

// complete fills in the defaults. An error names the invalid setting, and its valid values.
func (c *Config) complete() error {
	if err := settings.Complete(&c.Settings); err != nil {
		return err
	}
	c.JobsAddress = cmp.Or(c.JobsAddress, "127.0.0.1:9091")
	c.ImporterAddress = cmp.Or(c.ImporterAddress, "127.0.0.1:9092")
	c.LocalUser = cmp.Or(c.LocalUser, "local")
	c.MaxUploadBytes = cmp.Or(c.MaxUploadBytes, 512<<20)
	c.UnfinishedBytesPerUser = cmp.Or(c.UnfinishedBytesPerUser, settings.Bytes(4*c.MaxUploadBytes))
	switch {
	case c.Verifier == nil:
		return errors.New("the verifier is missing: without it, no caller can be identified")
	case c.Logger == nil:
		return errors.New("the logger is missing")
	case c.Service == nil && c.Key == nil:
		return errors.New("the service credentials or the key are missing: the edge needs them to call the services")
	case c.LocalSignIn && c.Key == nil:
		return errors.New("local sign-in needs the key, to sign the local user's tokens")
	case (c.TLSCertFile == "") != (c.TLSKeyFile == ""):
		return errors.New("--tls-cert-file and --tls-key-file must be set together")
	case c.MaxUploadBytes < 0:
		return fmt.Errorf("the maximum size of a workbook is %d. It must be positive", c.MaxUploadBytes)
	case c.IOURing != "auto" && c.IOURing != "on" && c.IOURing != "off":
		return fmt.Errorf("--io-uring is %q. It must be auto, on, or off", c.IOURing)
	case c.Keepalive%time.Second != 0:
		return fmt.Errorf("--keepalive is %v. It must be whole seconds", c.Keepalive)
	}
	base, err := mount.ParseBase(c.BasePath)
	if err != nil {
		return fmt.Errorf("--base-path: %w", err)
	}
	c.BasePath = base
	if c.proxies, err = mount.ParseProxies(c.TrustedProxies); err != nil {
		return fmt.Errorf("--trusted-proxies: %w", err)
	}
	for _, origin := range c.CORSOrigins {
		if err := access.ParseOrigin(origin); err != nil {
			return fmt.Errorf("--cors-origins: %w", err)
		}
	}
	return nil
}
