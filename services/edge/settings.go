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
	"headway/services/edge/internal/access"
)

// Config is how the edge runs. A zero field takes its default.
type Config struct {
	// Listen is the host:port to answer HTTP on; port 0 takes a free one. Default 127.0.0.1:8080.
	Listen string
	// Listener is used in place of Listen if it is set. The edge closes it.
	Listener net.Listener
	// TLSCertFile and TLSKeyFile are a certificate chain and its key in PEM. With them the edge speaks HTTPS and
	// HTTP/2; they are read again when they change. Both or none.
	TLSCertFile, TLSKeyFile string

	// JobsAddr is the jobs service's host:port. Default 127.0.0.1:9091.
	JobsAddr string
	// ImporterAddr is the importer's host:port. Default 127.0.0.1:9092.
	ImporterAddr string

	// Verifier checks the callers' tokens. Needed.
	Verifier auth.Verifier
	// TokensReady tells why tokens cannot be checked for now, as while their issuer has not been reached yet; the edge is
	// not ready then. Optional.
	TokensReady func() error
	// Key signs the local user's tokens, and the edge's own where Service is not set. Needed for either.
	Key *auth.Key
	// Service are the edge's own credentials; they must carry the scope headway:service. Default: signed with Key.
	Service credentials.PerRPCCredentials
	// LocalSignIn lets a page on this machine sign in without a password. Only on a loopback address.
	LocalSignIn bool
	// LocalUser is who signs in that way. Default "local".
	LocalUser string
	// SessionTTL is how long a local session lasts. Default 12 h.
	SessionTTL time.Duration
	// CORSOrigins are the foreign origins (https://app.example.com) whose pages may call. Default none.
	CORSOrigins []string
	// TrustedHosts are the names, without port, that the Host header may hold. On a loopback address the machine's own
	// names are trusted besides; elsewhere none here means any.
	TrustedHosts []string

	// Logger gets the edge's log. Needed.
	Logger *slog.Logger
	// Metrics is where metrics are registered; nil for nowhere.
	Metrics prometheus.Registerer
	// Page holds the built page, with index.html at its root; nil answers / with a hint to build it.
	Page fs.FS

	// StreamsPerUser is how many live streams a user may have; the oldest goes for the newest. Default 64; negative for
	// no limit.
	StreamsPerUser int
	// MaxStreams is how many live streams there may be in all; further ones are refused. Default 15,000, below what
	// descriptors usually allow; negative for no limit.
	MaxStreams int
	// RequestsPerSecond is how often a user may call, streams aside, with bursts of four times that. Default 50; negative
	// for no limit.
	RequestsPerSecond int
	// UploadsPerUser is how many uploads a user may have under way. Default 4; negative for no limit.
	UploadsPerUser int
	// MaxUploadBytes is the largest workbook. Default 512 MiB.
	MaxUploadBytes int64

	// UploadsDir is the folder for resumable uploads that are not finished; it belongs to this edge alone. Without one
	// there are no resumable uploads.
	UploadsDir string
	// UploadTTL is how long an unfinished resumable upload is kept after its last byte. Default 24 h.
	UploadTTL time.Duration
	// UnfinishedPerUser is how many unfinished resumable uploads a user may have. Default 16; negative for no limit.
	UnfinishedPerUser int
	// UnfinishedBytesPerUser is how long they may be together. Default 4 times MaxUploadBytes; negative for no limit.
	UnfinishedBytesPerUser int64
	// UnfinishedBytes is how long all users' may be together. Default 10 GiB; negative for no limit.
	UnfinishedBytes int64

	// Keepalive is how often at least a live stream carries something; whole seconds. Default 15 s.
	Keepalive time.Duration
	// Retry is how long browsers wait before they reconnect, jittered by half. Default 3 s.
	Retry time.Duration
	// WriteTimeout is how long a live stream's peer may take to make room for a message. Default 15 s.
	WriteTimeout time.Duration
	// HeaderTimeout is how long a request's headers may take. Default 10 s.
	HeaderTimeout time.Duration
	// StallTimeout is how long a body may stand still, sent or received. Default 60 s.
	StallTimeout time.Duration
	// IdleTimeout is how long a connection is kept for the next request. Default 2 min.
	IdleTimeout time.Duration

	// DrainDelay is how long the edge goes on with readiness off, for a load balancer to notice. Default 0.
	DrainDelay time.Duration
	// DrainSpread is over how long the streams of a full edge (10,000) are ended; fewer take less. Default 2 s.
	DrainSpread time.Duration
	// DrainTimeout is how long everything may take to end, the delay not counted. Default 4 s.
	DrainTimeout time.Duration
}

// Validate fills in the defaults, and says which setting is wrong and what would be right.
func (c *Config) Validate() error {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:8080")
	c.JobsAddr = cmp.Or(c.JobsAddr, "127.0.0.1:9091")
	c.ImporterAddr = cmp.Or(c.ImporterAddr, "127.0.0.1:9092")
	c.LocalUser = cmp.Or(c.LocalUser, "local")
	c.SessionTTL = cmp.Or(c.SessionTTL, 12*time.Hour)
	c.StreamsPerUser = cmp.Or(c.StreamsPerUser, 64)
	c.MaxStreams = cmp.Or(c.MaxStreams, 15_000)
	c.RequestsPerSecond = cmp.Or(c.RequestsPerSecond, 50)
	c.UploadsPerUser = cmp.Or(c.UploadsPerUser, 4)
	c.MaxUploadBytes = cmp.Or(c.MaxUploadBytes, 512<<20)
	c.UploadTTL = cmp.Or(c.UploadTTL, 24*time.Hour)
	c.UnfinishedPerUser = cmp.Or(c.UnfinishedPerUser, 16)
	c.UnfinishedBytesPerUser = cmp.Or(c.UnfinishedBytesPerUser, 4*c.MaxUploadBytes)
	c.UnfinishedBytes = cmp.Or(c.UnfinishedBytes, 10<<30)
	c.Keepalive = cmp.Or(c.Keepalive, 15*time.Second)
	c.Retry = cmp.Or(c.Retry, 3*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 15*time.Second)
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, 10*time.Second)
	c.StallTimeout = cmp.Or(c.StallTimeout, time.Minute)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Minute)
	c.DrainSpread = cmp.Or(c.DrainSpread, 2*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 4*time.Second)
	switch {
	case c.Verifier == nil:
		return errors.New("edge: Verifier is missing; without one nobody could call")
	case c.Logger == nil:
		return errors.New("edge: Logger is missing")
	case c.Service == nil && c.Key == nil:
		return errors.New("edge: Service or Key is missing; the edge itself has to call the services")
	case c.LocalSignIn && c.Key == nil:
		return errors.New("edge: LocalSignIn needs Key, to sign the local user's tokens")
	case (c.TLSCertFile == "") != (c.TLSKeyFile == ""):
		return errors.New("edge: TLSCertFile and TLSKeyFile belong together; set both or none")
	case c.MaxUploadBytes < 0:
		return fmt.Errorf("edge: MaxUploadBytes (%d) must be above 0", c.MaxUploadBytes)
	case c.Keepalive < 2*time.Second || c.Keepalive%time.Second != 0:
		return fmt.Errorf("edge: Keepalive (%v) must be whole seconds, 2 s or more", c.Keepalive)
	}
	for name, d := range map[string]time.Duration{
		"SessionTTL": c.SessionTTL, "UploadTTL": c.UploadTTL, "Retry": c.Retry, "WriteTimeout": c.WriteTimeout, "HeaderTimeout": c.HeaderTimeout,
		"StallTimeout": c.StallTimeout, "IdleTimeout": c.IdleTimeout, "DrainDelay": c.DrainDelay,
		"DrainSpread": c.DrainSpread, "DrainTimeout": c.DrainTimeout,
	} {
		if d < 0 {
			return fmt.Errorf("edge: %s (%v) must be above 0", name, d)
		}
	}
	for _, origin := range c.CORSOrigins {
		if err := access.ParseOrigin(origin); err != nil {
			return fmt.Errorf("edge: CORSOrigins: %w", err)
		}
	}
	return nil
}
