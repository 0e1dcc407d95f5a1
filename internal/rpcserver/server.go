// Package rpcserver is the gRPC server that every service of Headway runs on: authentication, validation, recovery,
// one log line a call, health, reflection, and a shutdown that ends in bounded time.
package rpcserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"headway/internal/auth"
)

// Config is what a server needs.
type Config struct {
	// Service names the service in logs and metrics ("jobs").
	Service string
	// Verifier checks the callers' tokens.
	Verifier auth.Verifier
	// Logger gets one line for every finished call.
	Logger *slog.Logger
	// Metrics is where call counts and durations are registered; nil for nowhere.
	Metrics prometheus.Registerer
	// DrainTimeout is how long calls may take to end after Serve's context has; 5 s if 0.
	DrainTimeout time.Duration
	// MaxReceiveBytes is the largest request message; 4 MiB if 0.
	MaxReceiveBytes int
}

// Server is a gRPC server. Register services on GRPC, then call Serve once.
type Server struct {
	// GRPC is where services are registered.
	GRPC *grpc.Server

	health *health.Server
	drain  *drain
	cfg    Config
}

// New makes a server.
func New(cfg Config) (*Server, error) {
	if cfg.Verifier == nil || cfg.Logger == nil {
		return nil, errors.New("rpcserver: Verifier and Logger are needed")
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 5 * time.Second
	}
	if cfg.MaxReceiveBytes == 0 {
		cfg.MaxReceiveBytes = 4 << 20
	}
	rules, err := validator()
	if err != nil {
		return nil, fmt.Errorf("rpcserver: make the validator: %w", err)
	}
	s := &Server{health: health.NewServer(), drain: newDrain(), cfg: cfg}
	observe := newObserver(cfg)
	s.GRPC = grpc.NewServer(
		grpc.ChainUnaryInterceptor(observe.unary, s.drain.unary, authUnary(cfg.Verifier), validateUnary(rules)),
		grpc.ChainStreamInterceptor(observe.stream, s.drain.stream, authStream(cfg.Verifier), validateStream(rules)),
		grpc.MaxRecvMsgSize(cfg.MaxReceiveBytes),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
	healthv1.RegisterHealthServer(s.GRPC, s.health)
	reflection.Register(s.GRPC)
	return s, nil
}

// Serve answers calls until ctx ends. Then it is not serving to health checks, server streams and waiting calls are
// ended with SHUTTING_DOWN, the others get DrainTimeout to finish, and Serve returns nil.
func (s *Server) Serve(ctx context.Context, lis net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.GRPC.Serve(lis) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve gRPC on %s: %w", lis.Addr(), err)
	case <-ctx.Done():
	}
	s.health.Shutdown()
	s.drain.begin()
	force := time.AfterFunc(s.cfg.DrainTimeout, s.GRPC.Stop)
	defer force.Stop()
	s.GRPC.GracefulStop()
	if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC on %s: %w", lis.Addr(), err)
	}
	return nil
}
