// Package edge is the service for browsers and REST clients. It streams jobs and imports as Server-Sent Events, forwards
// workbooks and calls to the other services, signs users in, and serves the web UI.
package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/alarm"
	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/bus"
	"headway/internal/rpcclient"
	"headway/internal/tlsfiles"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/download"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/pace"
	"headway/services/edge/internal/peers"
	"headway/services/edge/internal/reqlog"
	"headway/services/edge/internal/routes"
	"headway/services/edge/internal/shown"
	"headway/services/edge/internal/signin"
	"headway/services/edge/internal/sockets"
	"headway/services/edge/internal/sse"
)

// maxHeaderBytes limits a request's headers. Tokens of identity providers can have a few KiB.
const maxHeaderBytes = 32 << 10

// outputWindow is the receive window of a call for output. It has room for the largest part that is read at a time.
const outputWindow = 256 << 10

// pingTimeout is how long an HTTP/2 client can take to answer a ping.
const pingTimeout = 15 * time.Second

// furtherQueues is the number of additional queues for new connections. With the first one, they hold 16,000
// connections.
const furtherQueues = 3

// uploadIdle is the time after its last byte when an unfinished upload no longer prevents its user from starting
// others.
const uploadIdle = 5 * time.Minute

// burstSeconds is the maximum burst of requests per user, in seconds of the rate.
const burstSeconds = 4

// Service is an edge. Create it with New, and then call Run once.
type Service struct {
	cfg      Config
	listener net.Listener
	// queues are additional listeners on the same port.
	queues   []net.Listener
	jobs     *grpc.ClientConn
	importer *grpc.ClientConn
	// outputs is a separate connection to the jobs service, for the output of jobs.
	outputs *grpc.ClientConn
	// asService makes calls with the edge's own token.
	asService grpc.CallOption
	// outputBudget is shared by streams and downloads of outputs.
	outputBudget *pace.Budget
	// downloads sends files.
	downloads *download.Sender
	// sockets sends the streams and files, hub provides their snapshots, and streams handles the requests for them.
	sockets *sockets.Loop
	hub     *hub.Hub
	streams *sse.Handlers
	// uploads stores resumable uploads. It is nil if they are turned off.
	uploads uploads
	// state is the bucket for what must survive a restart. It is nil if nothing does. If there is a bucket that all edges share,
	// it is that one.
	state  *blobs.Bucket
	access *access.Access
	// peers are the other edges on the bus. Both are nil without a bus.
	peers    *peers.Peers
	bus      bus.Bus
	server   *http.Server
	sessions *signin.Handler
	revoked  *access.Revoked
	shown    *shown.Ends
	// declared are the routes that the operator has declared.
	declared *routes.Table
	// handlers counts the requests in progress, and other work that must end before Run returns.
	handlers sync.WaitGroup
	draining atomic.Bool
	checks   checks
	// exhausted records whether the process has run out of descriptors.
	exhausted *alarm.Alarm
	// storage records whether the disk of the edge is full.
	storage *alarm.Alarm
	// denied records whether the bucket has refused a change.
	denied *alarm.Alarm
}

// New opens the port. The services are dialed in the background, so they can start later.
func New(cfg Config) (_ *Service, err error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	s := &Service{cfg: cfg, listener: cfg.Listener, exhausted: alarm.New(cfg.Logger,
		"no file descriptors are left for new connections. Raise the limit (ulimit -n), or lower --max-streams"),
		storage: alarm.New(cfg.Logger, "the disk is full, so uploads can't be stored. Free space, or move --data to a larger disk"),
		denied:  alarm.New(cfg.Logger, "the bucket of --edge-blobs refuses a change, so uploads, sign-outs, and tickets fail. Allow its credentials to read, list, write, and delete")}
	if s.listener == nil {
		if s.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.Listen); err != nil {
			return nil, fmt.Errorf("edge: listen on %s: %w", cfg.Listen, err)
		}
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.queues, err = moreQueues(s.listener, furtherQueues); err != nil {
		cfg.Logger.Debug("continuing with one listener", "error", err)
	}
	loopback := isLoopback(s.listener.Addr())
	if cfg.LocalSignIn && !loopback {
		return nil, fmt.Errorf("edge: LocalSignIn on %s would sign in everyone who can reach it. Listen on 127.0.0.1, or turn it off", s.listener.Addr())
	}
	if s.jobs, err = rpcclient.Dial(cfg.JobsAddress, rpcclient.Config{Transport: cfg.ServicesTLS}); err != nil {
		return nil, fmt.Errorf("edge: jobs service at %s: %w", cfg.JobsAddress, err)
	}
	if s.outputs, err = rpcclient.Dial(cfg.JobsAddress, rpcclient.Config{Transport: cfg.ServicesTLS, StreamWindow: outputWindow}); err != nil {
		return nil, fmt.Errorf("edge: jobs service at %s: %w", cfg.JobsAddress, err)
	}
	if s.importer, err = rpcclient.Dial(cfg.ImporterAddress, rpcclient.Config{Transport: cfg.ServicesTLS}); err != nil {
		return nil, fmt.Errorf("edge: importer at %s: %w", cfg.ImporterAddress, err)
	}
	s.outputBudget = pace.NewBudget()
	own := cfg.Service
	if own == nil {
		own = cfg.Key.ServiceCredentials("edge", auth.ScopeService)
	}
	s.asService = grpc.PerRPCCredentials(own)
	services := hub.Services{Jobs: s.jobs, Imports: s.importer, AsService: s.asService}
	s.sockets = sockets.New(sockets.Config{WriteTimeout: cfg.WriteTimeout, Ring: sockets.Ring(cfg.IOURing)})
	s.hub = hub.New(hub.Config{
		Upstream: services.Upstream(), Logger: cfg.Logger, Metrics: cfg.Metrics,
		PerUser: max(cfg.StreamsPerUser, 0), Max: max(cfg.MaxStreams, 0),
	})
	s.downloads = download.NewSender(s.sockets, func(ctx context.Context) (func(), error) {
		as, _ := auth.FromContext(ctx)
		return s.hub.AdmitDownload(as)
	})
	if err := s.openState(); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	if s.revoked, err = access.OpenRevoked(s.state, cfg.Logger); err != nil {
		if cfg.EdgeBlobs != "" {
			err = fmt.Errorf("the bucket of --edge-blobs can't be used: %w", err)
		}
		return nil, fmt.Errorf("edge: %w", err)
	}
	s.shown = shown.Open(s.state, cfg.Logger)
	s.revoked.OnEnd(s.hub.EndSession)
	s.streams = sse.New(sse.Config{
		SignedOut: s.revoked.Has,
		Hub:       s.hub, Loop: s.sockets, Outputs: jobsv1.NewJobServiceClient(s.outputs), AsService: s.asService, ReadBudget: s.outputBudget,
		Logger: cfg.Logger, Metrics: cfg.Metrics, Keepalive: cfg.Keepalive, Retry: cfg.Retry,
	})
	if s.uploads, err = s.openUploads(); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	sessions, err := sealer(cfg.Key, "session")
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	tickets, err := sealer(cfg.Key, "ticket")
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	instance := ""
	if cfg.Key == nil { // the key of the sessions is another one after a restart
		instance = portOf(s.listener.Addr())
	}
	s.access = access.New(access.Config{
		Verifier: cfg.Verifier, Loopback: loopback, TrustedHosts: cfg.TrustedHosts, Origins: cfg.CORSOrigins,
		Revoked: s.revoked, Instance: instance, Sessions: sessions, Tickets: tickets, Shared: s.shared(), RefuseStream: s.streams.Refuse,
		RequestsPerSecond: float64(max(cfg.RequestsPerSecond, 0)), RequestBurst: burstSeconds * cfg.RequestsPerSecond,
	})
	if err := s.openPeers(); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	handler, err := s.routes(s.access)
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	s.server = &http.Server{
		Handler: s.counted(reqlog.New(cfg.Logger, cfg.Metrics).Handler(handler, httperr.Write)),
		// Bodies and responses have their own deadlines, which are extended as they progress. A fixed one would cut streams
		// and long uploads.
		ReadHeaderTimeout: cfg.HeaderTimeout,
		ReadTimeout:       cfg.HeaderTimeout + cfg.StallTimeout, // withBodyDeadline replaces it
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	if cfg.TLSCertFile != "" {
		certificate, err := tlsfiles.NewCertificate(cfg.TLSCertFile, cfg.TLSKeyFile, cfg.Logger)
		if err != nil {
			return nil, fmt.Errorf("edge: %w", err)
		}
		// Without pings, a peer that vanished silently would keep its streams indefinitely. On HTTP/1.1, the kernel
		// detects this.
		s.server.HTTP2 = &http.HTTP2Config{SendPingTimeout: cfg.Keepalive, PingTimeout: pingTimeout}
		s.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.Server}
	}
	return s, nil
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// portOf returns the port of an address. It returns "0" for an address without one, such as that of a Unix socket.
func portOf(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return strconv.Itoa(tcp.Port)
	}
	return "0"
}

// TLS reports whether the edge speaks HTTPS.
func (s *Service) TLS() bool { return s.cfg.TLSCertFile != "" }

// SignInLink returns the path of a new sign-in link, which works once. It returns "" if there is no local sign-in.
func (s *Service) SignInLink() string { return s.sessions.Link() }

// Addr returns the address of the edge.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends. Then the edge becomes unready, streams end a few at a time with a message to reconnect, and
// requests and uploads in progress can finish. Run returns nil within about DrainDelay plus DrainTimeout.
func (s *Service) Run(ctx context.Context) error {
	defer s.close()
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	streamed := make(chan error, 1)
	go func() {
		var g errgroup.Group
		g.Go(func() error { return s.hub.Run(work) })
		g.Go(func() error { return s.sockets.Run(work) })
		streamed <- g.Wait()
	}()
	if s.uploads != nil {
		s.handlers.Go(func() { s.uploads.Run(work) })
	}
	s.handlers.Go(func() { s.declared.Run(work) })
	s.handlers.Go(func() { s.access.Run(work) })
	s.handlers.Go(func() { s.revoked.Run(work) })
	if s.peers != nil {
		s.handlers.Go(func() { s.peers.Run(work) })
	}
	s.handlers.Go(func() { s.shown.Run(work) })
	s.handlers.Go(func() { s.logReadiness(ctx) })
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	select {
	case err := <-served:
		stop()
		s.handlers.Wait()
		return errors.Join(fmt.Errorf("edge: serve on %s: %w", s.listener.Addr(), err), <-streamed)
	case <-ctx.Done():
	}
	s.drain()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		s.cfg.Logger.Warn("the edge's listener failed", "error", err)
	}
	stop()
	err := <-streamed
	s.handlers.Wait()
	s.downloads.Wait(context.Background()) // the loop has ended them
	return err
}

func (s *Service) serve() error {
	var (
		g      errgroup.Group
		failed atomic.Pointer[error]
	)
	for _, lis := range slices.Concat(s.queues, []net.Listener{s.listener}) {
		g.Go(func() error {
			err := s.serveOn(acceptor{lis, s.exhausted})
			if !errors.Is(err, http.ErrServerClosed) {
				failed.Store(&err)
				_ = s.server.Close() // if one can't continue, all end
			}
			return err
		})
	}
	err := g.Wait()
	if cause := failed.Load(); cause != nil {
		return *cause
	}
	return err
}

func (s *Service) serveOn(lis net.Listener) error {
	if s.cfg.TLSCertFile != "" {
		return s.server.ServeTLS(lis, "", "")
	}
	return s.server.Serve(lis)
}

// drain lets streams and requests end, until DrainTimeout has passed.
func (s *Service) drain() {
	s.draining.Store(true)
	time.Sleep(s.cfg.DrainDelay)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainTimeout)
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- s.server.Shutdown(ctx) }()
	s.hub.Drain(ctx, s.cfg.DrainSpread)
	err := <-finished
	s.downloads.Wait(ctx)
	if err != nil {
		s.cfg.Logger.Info("some requests did not finish before the shutdown deadline, and were aborted", "error", err)
		_ = s.server.Close() // an error means that a connection is already closed
	}
}

// counted counts the requests in progress, so that Run can wait for them. While the edge drains, it ends the connection of each. A
// proxy could otherwise send its next request at the moment when the shutdown closes the connection, and could not repeat it.
func (s *Service) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handlers.Add(1)
		defer s.handlers.Done()
		if s.draining.Load() && r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) close() {
	closeAll(slices.Concat(s.queues, []net.Listener{s.listener}))
	for _, conn := range []*grpc.ClientConn{s.jobs, s.outputs, s.importer} {
		if conn != nil {
			_ = conn.Close() // fails only if closed before
		}
	}
	if s.bus != nil {
		s.bus.Close()
	}
	if s.state != nil {
		_ = s.state.Close() // likewise
	}
}

func closeAll(listeners []net.Listener) {
	for _, lis := range listeners {
		_ = lis.Close() // the server usually has
	}
}
