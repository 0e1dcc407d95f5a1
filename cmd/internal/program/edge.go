package program

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"headway/internal/auth"
	"headway/internal/bus/nats"
	"headway/internal/settings"
	"headway/services/edge"
	"headway/web"
)

// EdgeCommand runs the edge alone.
type EdgeCommand struct {
	Common
	ServiceTLSFlags
	Settings        edge.Settings  `embed:""`
	Bus             nats.Settings  `embed:""`
	MaxUploadBytes  settings.Bytes `help:"Maximum size of a workbook." default:"512MiB" placeholder:"SIZE"`
	JobsAddress     string         `help:"Address of the jobs service. Several replicas are separated by commas, or are the addresses of a name: dns:///HOST:PORT." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
	ImporterAddress string         `help:"Address of the importer. Several importers are separated by commas, or are the addresses of a name: dns:///HOST:PORT." default:"127.0.0.1:9092" placeholder:"ADDRESS"`
}

// Run serves until ctx is done.
func (c *EdgeCommand) Run(ctx context.Context) error {
	return c.alone(ctx, "edge", "--listen", c.Settings.Listen, func(env *Env, lis net.Listener) (service, error) {
		transport, err := c.open(env.Logger, false)
		if err != nil {
			return nil, err
		}
		s, err := c.NewEdge(env, edge.Config{Settings: c.Settings, Bus: c.Bus, Listener: lis, JobsAddress: c.JobsAddress,
			ImporterAddress: c.ImporterAddress, MaxUploadBytes: int64(c.MaxUploadBytes), ServicesTLS: transport.client})
		if err == nil {
			PrintSignInLink(s)
		}
		return s, err
	})
}

// URL returns the address of an edge's web UI, without a path.
func URL(s *edge.Service) string {
	scheme := "http"
	if s.TLS() {
		scheme = "https"
	}
	return scheme + "://" + s.Addr().String()
}

// PrintSignInLink prints a link that signs the local user in, if the edge has a local sign-in.
func PrintSignInLink(s *edge.Service) {
	if path := s.SignInLink(); path != "" {
		fmt.Fprintf(os.Stdout, "Open %s%s in your browser. The link works once. To get a new one, run: headway open\n", URL(s), path)
	}
}

// NewEdge returns an edge, whose dependencies it adds to cfg.
func (c *Common) NewEdge(env *Env, cfg edge.Config) (*edge.Service, error) {
	collectEarly()
	cfg.Page, _ = web.FS() // not built: the edge says so at /
	if env.Issuer != nil {
		cfg.TokensReady = env.Issuer.Ready
	}
	cfg.Verifier, cfg.Key, cfg.Service = env.Verifier, env.Key, env.Key.ServiceCredentials("edge", auth.ScopeService)
	cfg.LocalSignIn, cfg.LocalUser = env.Local, LocalUser
	cfg.DataDir, cfg.UploadsDir = c.Data, filepath.Join(c.Data, "uploads")
	cfg.Logger, cfg.Metrics = env.Logger.With("service", "edge"), env.Metrics
	return edge.New(cfg)
}
