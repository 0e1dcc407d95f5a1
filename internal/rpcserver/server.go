// Package rpcserver provides the gRPC server of all services: authentication, validation, recovery from panics, one log line
// per call, health, reflection, and a shutdown in bounded time.
package rpcserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // clients can compress requests
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/alarm"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

const (
	// maxHeaderBytes limits the metadata of a call, with the same value as in the edge. Tokens of identity providers
	// can have several KiB.
	maxHeaderBytes = 32 << 10
	// maxConcurrentStreams limits the calls of one connection. An edge has all its streams on one connection.
	maxConcurrentStreams = 1 << 14
	// maxIdle is how long a connection can be without a call. Clients connect again for their next call.
	maxIdle = 15 * time.Minute
	// minPingInterval is the interval at which clients can ping without being disconnected.
	minPingInterval = time.Second
)

// Config configures a server.
type Config struct {
	// Service names the service in logs and metrics ("jobs").
	Service string
	// Verifier checks the callers' tokens.
	Verifier auth.Verifier
	// Logger receives one line per finished call.
	Logger *slog.Logger
	// Metrics is where call counts and durations are registered. If it is nil, there are none.
	Metrics prometheus.Registerer
	// TLS are the credentials of the connections. If they are nil, connections are not encrypted.
	TLS credentials.TransportCredentials
	// DrainTimeout is how long calls can take to finish after Serve's context is done. Default 5 s.
	DrainTimeout time.Duration
	// StallTimeout is how long the sender or the reader of a stream can keep the service waiting. Default 2 min.
	StallTimeout time.Duration
	// StreamsPerUser is the maximum number of open streams of a user. Default 1,000. A negative number means no limit.
	StreamsPerUser int
	// Connections is the maximum number of open connections. Default 10,000. A negative number means no limit.
	Connections int
	// MaxReceiveBytes is the maximum size of a request message. Default 4 MiB.
	MaxReceiveBytes int
}

// Server is a gRPC server. Register services on GRPC, then call Serve once.
type Server struct {
	// GRPC is where services are registered.
	GRPC *grpc.Server

	health *healthServer
	drain  *drain
	cfg    Config

	mu sync.Mutex
	// names are those for which SetHealth was called.
	names map[string]bool
}

// StorageHealth is the name under which the health protocol reports whether the service can store data.
const StorageHealth = "headway.storage"

// TargetHealth is the name under which the health protocol reports whether the importer can reach the database for the rows.
const TargetHealth = "headway.target"

// DatabaseHealth is the name under which the health protocol reports whether the jobs service can reach its database. It is not the
// state of the service, because clients would then leave the only replicas that there are.
const DatabaseHealth = "headway.database"

// BusHealth is the name under which the health protocol reports whether the replicas of the jobs service are connected by their bus.
// They work without it, but learn of each other's changes later.
const BusHealth = "headway.bus"

// healthServer answers health checks. It knows whether the service has run out of disk space.
type healthServer struct {
	*health.Server
	storage *alarm.Alarm
}

// Check implements healthv1.HealthServer.
func (h *healthServer) Check(ctx context.Context, r *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	if r.GetService() != StorageHealth {
		return h.Server.Check(ctx, r)
	}
	status := healthv1.HealthCheckResponse_SERVING
	if h.storage.Lately() {
		status = healthv1.HealthCheckResponse_NOT_SERVING
	}
	return &healthv1.HealthCheckResponse{Status: status}, nil
}

// New returns a new Server.
func New(cfg Config) (*Server, error) {
	if cfg.Verifier == nil || cfg.Logger == nil {
		return nil, errors.New("rpcserver: Verifier and Logger are required")
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 5 * time.Second
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = 2 * time.Minute
	}
	if cfg.StreamsPerUser == 0 {
		cfg.StreamsPerUser = 1000
	}
	if cfg.Connections == 0 {
		cfg.Connections = 10_000
	}
	if cfg.MaxReceiveBytes == 0 {
		cfg.MaxReceiveBytes = 4 << 20
	}
	rules, err := validator()
	if err != nil {
		return nil, fmt.Errorf("rpcserver: create the validator: %w", err)
	}
	observe := newObserver(cfg)
	s := &Server{health: &healthServer{health.NewServer(), observe.storage}, drain: newDrain(), cfg: cfg, names: make(map[string]bool)}
	transport := cfg.TLS
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	s.GRPC = grpc.NewServer(
		grpc.Creds(limited{transport, newConnectionLimit(cfg)}),
		grpc.ChainUnaryInterceptor(observe.unary, s.drain.unary, authUnary(cfg.Verifier), observe.unread.unary, validateUnary(rules)),
		grpc.ChainStreamInterceptor(observe.stream, s.drain.stream, authStream(cfg.Verifier),
			newStreamLimit(cfg.StreamsPerUser).stream, stallStream(cfg.StallTimeout, observe.unread), validateStream(rules)),
		grpc.UnknownServiceHandler(unknownMethod), // so that the interceptors see these calls too
		grpc.StatsHandler(observe),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.InTapHandle(newAdmitter(cfg.Verifier, observe).call),
		grpc.MaxRecvMsgSize(cfg.MaxReceiveBytes),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.MaxConcurrentStreams(maxConcurrentStreams),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: maxIdle, Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPingInterval, PermitWithoutStream: true}),
	)
	healthv1.RegisterHealthServer(s.GRPC, s.health)
	reflection.Register(s.GRPC)
	return s, nil
}

// unknownMethod answers calls of methods that no service has.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	return rpcerr.Newf(codes.Unimplemented, errorsv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND,
		"There is no method %s. Reflection lists the methods of this server.", method)
}

// SetHealth sets what the health protocol reports under a name.
func (s *Server) SetHealth(name string, serving bool) {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = healthv1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(name, status)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = true
}

// Ready reports whether the service can do its work, and names what is missing. Without the bus, it works, but more slowly.
func (s *Server) Ready(ctx context.Context) (ready bool, states map[string]string) {
	ready, states = true, map[string]string{"status": "ok"}
	serves := func(name string) bool {
		answer, err := s.health.Check(ctx, &healthv1.HealthCheckRequest{Service: name})
		return err == nil && answer.GetStatus() == healthv1.HealthCheckResponse_SERVING
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.names {
		short := strings.TrimPrefix(name, "headway.")
		if states[short] = "ok"; !serves(name) {
			states[short], ready = "unreachable", ready && name == BusHealth
		}
	}
	if !serves(StorageHealth) {
		states["storage"], ready = "full", false
	}
	if !ready {
		states["status"] = "unavailable"
	}
	if !serves("") {
		states["status"], ready = "draining", false
	}
	return ready, states
}

// Serve serves calls until ctx is done. Then health checks report that it is not serving, server streams and waiting calls
// end with SHUTTING_DOWN, other calls have DrainTimeout to finish, and Serve returns nil.
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
