package program

import (
	"context"
	"net"
	"path/filepath"
	"time"

	"headway/internal/auth"
	"headway/services/edge"
	"headway/web"
)

// EdgeSettings are the edge's own.
type EdgeSettings struct {
	TLSCertFile       string        `help:"Certificate chain (PEM): speak HTTPS and HTTP/2; read again when it changes." placeholder:"FILE" name:"tls-cert-file"`
	TLSKeyFile        string        `help:"The certificate's key (PEM)." placeholder:"FILE" name:"tls-key-file"`
	CORSOrigins       []string      `help:"Foreign origins whose pages may call, as https://app.example.com; separated by commas." placeholder:"ORIGIN" name:"cors-origins"`
	TrustedHosts      []string      `help:"Names that the Host header may hold; separated by commas. Any if empty, except on loopback." placeholder:"HOST"`
	StreamsPerUser    int           `help:"Live streams that a user may have; the oldest goes for the newest. Negative for no limit." default:"64"`
	MaxStreams        int           `help:"Live streams in all. Negative for no limit." default:"15000"`
	RequestsPerSecond int           `help:"Requests a second that a user may make, streams aside. Negative for no limit." default:"50"`
	UploadsPerUser    int           `help:"Uploads that a user may have under way. Negative for no limit." default:"4"`
	UploadTTL         time.Duration `help:"How long an unfinished resumable upload is kept after its last byte." default:"24h" name:"upload-ttl"`
	Unfinished        int           `help:"Unfinished resumable uploads that a user may have; together at most four times the largest workbook. Negative for no limit." default:"16" name:"unfinished-per-user"`
	UnfinishedBytes   int64         `help:"How many bytes all unfinished resumable uploads may have together. Negative for no limit." default:"10737418240"`
	Keepalive         time.Duration `help:"How often at least a live stream carries something." default:"15s"`
	SessionTTL        time.Duration `help:"How long a local session lasts." default:"12h" name:"session-ttl"`
}

// EdgeCommand runs the edge alone.
type EdgeCommand struct {
	Common
	EdgeSettings
	MaxUploadBytes  int64  `help:"Largest workbook that is taken." default:"536870912"`
	Listen          string `help:"Address to answer HTTP on." default:"127.0.0.1:8080" placeholder:"ADDRESS"`
	JobsAddress     string `help:"Where the jobs service answers." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
	ImporterAddress string `help:"Where the importer answers." default:"127.0.0.1:9092" placeholder:"ADDRESS"`
}

// Run answers until ctx ends.
func (c *EdgeCommand) Run(ctx context.Context) error {
	return c.alone(ctx, "edge", c.Listen, func(f *Env, lis net.Listener) (service, error) {
		return c.NewEdge(&c.Common, f, lis, c.JobsAddress, c.ImporterAddress, c.MaxUploadBytes)
	})
}

// NewEdge makes the edge on a listener, which it closes.
func (s *EdgeSettings) NewEdge(c *Common, f *Env, lis net.Listener, jobs, importer string, maxUploadBytes int64) (*edge.Service, error) {
	page, _ := web.FS() // not built: the edge says so at /
	var tokensReady func() error
	if f.Issuer != nil {
		tokensReady = f.Issuer.Ready
	}
	return edge.New(edge.Config{
		Listener: lis, TLSCertFile: s.TLSCertFile, TLSKeyFile: s.TLSKeyFile, JobsAddr: jobs, ImporterAddr: importer,
		Verifier: f.Verifier, TokensReady: tokensReady, Key: f.Key, Service: f.Key.ServiceCredentials("edge", auth.ScopeService),
		LocalSignIn: f.Local, LocalUser: LocalUser, SessionTTL: s.SessionTTL,
		CORSOrigins: s.CORSOrigins, TrustedHosts: s.TrustedHosts,
		StreamsPerUser: s.StreamsPerUser, MaxStreams: s.MaxStreams, UploadsPerUser: s.UploadsPerUser,
		RequestsPerSecond: s.RequestsPerSecond,
		UploadsDir:        filepath.Join(c.Data, "uploads"), UploadTTL: s.UploadTTL, UnfinishedPerUser: s.Unfinished, UnfinishedBytes: s.UnfinishedBytes,
		MaxUploadBytes: maxUploadBytes, Keepalive: s.Keepalive, Page: page,
		Logger: f.Logger.With("service", "edge"), Metrics: f.Metrics,
	})
}
