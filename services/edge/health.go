package edge

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"headway/internal/rpcserver"
)

// readyTimeout limits the health checks of the services.
const readyTimeout = 2 * time.Second

// readinessCheck is the interval at which the log follows what is missing.
const readinessCheck = 3 * time.Second

// notServing is the state of a service that responds, but is not ready.
const notServing = "not serving"

// healthz answers GET /healthz: the process is alive.
func (s *Service) healthz(w http.ResponseWriter, _ *http.Request) {
	answerHealth(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz answers GET /readyz: 200 if the edge is ready. Otherwise, it answers 503 with the problems.
func (s *Service) readyz(w http.ResponseWriter, r *http.Request) {
	ready, states := s.Ready(r.Context())
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	answerHealth(w, status, states)
}

// Ready reports whether both services are serving, the importer can reach the database for the rows, tokens can be checked, and the edge
// is not draining. It names what is missing. Callers at the same moment share one check, because the route is public.
func (s *Service) Ready(ctx context.Context) (ready bool, states map[string]string) {
	if s.draining.Load() {
		return false, map[string]string{"status": "draining"}
	}
	return s.checks.next(func() (bool, map[string]string) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
		defer cancel()
		return s.check(ctx)
	})
}

// checks shares checks between callers at the same moment. A check that has already begun is not shared: it might not have seen what
// the caller has.
type checks struct {
	running sync.Mutex

	mu      sync.Mutex
	waiting *result
}

// result is the result of a check, once done is closed.
type result struct {
	done   chan struct{}
	ready  bool
	states map[string]string
}

// next returns the result of the next check.
func (c *checks) next(check func() (bool, map[string]string)) (ready bool, states map[string]string) {
	c.mu.Lock()
	if shared := c.waiting; shared != nil {
		c.mu.Unlock()
		<-shared.done
		return shared.ready, shared.states
	}
	own := &result{done: make(chan struct{})}
	c.waiting = own
	c.mu.Unlock()
	defer close(own.done)
	c.running.Lock()
	defer c.running.Unlock()
	c.mu.Lock()
	c.waiting = nil
	c.mu.Unlock()
	own.ready, own.states = check()
	return own.ready, own.states
}

// check asks the services what is missing.
func (s *Service) check(ctx context.Context) (ready bool, states map[string]string) {
	var (
		g              errgroup.Group
		jobs, importer string

		targetAway, busAway    bool
		databaseAway           bool
		jobsFull, importerFull bool
	)
	g.Go(func() error { jobs = serving(ctx, s.jobs, ""); return nil })
	g.Go(func() error { importer = serving(ctx, s.importer, ""); return nil })
	g.Go(func() error { jobsFull = serving(ctx, s.jobs, rpcserver.StorageHealth) == notServing; return nil })
	g.Go(func() error {
		importerFull = serving(ctx, s.importer, rpcserver.StorageHealth) == notServing
		return nil
	})
	g.Go(func() error { targetAway = serving(ctx, s.importer, rpcserver.TargetHealth) == notServing; return nil })
	g.Go(func() error { busAway = serving(ctx, s.jobs, rpcserver.BusHealth) == notServing; return nil })
	g.Go(func() error { databaseAway = serving(ctx, s.jobs, rpcserver.DatabaseHealth) == notServing; return nil })
	_ = g.Wait() // these functions return no errors
	body := map[string]string{"status": "ok", "jobs": jobs, "importer": importer}
	ready = true
	if s.cfg.TokensReady != nil {
		body["issuer"] = "ok"
		if s.cfg.TokensReady() != nil { // details are only in its log, because this route is public
			body["issuer"] = "unreachable"
		}
	}
	if busAway || s.bus != nil && !s.bus.Connected() {
		body["bus"] = "unreachable" // streams are later, and complete; limits of users are per edge
	}
	if s.revoked.Failing() {
		body["blobs"] = "unreachable" // sign-outs of other edges are not known, and tickets are refused
	}
	if s.denied.Lately() {
		body["blobs"] = "denied"
	}
	lacking := false
	for name, lacks := range map[string]bool{
		"descriptors": s.exhausted.Lately(), "storage": s.storage.Lately() || jobsFull || importerFull, "target": targetAway, "database": databaseAway,
	} {
		if lacks {
			lacking, body[name] = true, map[string]string{"descriptors": "exhausted", "storage": "full", "target": "unreachable", "database": "unreachable"}[name]
		}
	}
	if lacking || jobs != "ok" || importer != "ok" || body["issuer"] == "unreachable" {
		body["status"], ready = "unavailable", false
	}
	return ready, body
}

// logReadiness writes to the log what is missing whenever that changes, until ctx ends.
func (s *Service) logReadiness(ctx context.Context) {
	last := "ok"
	ticker := time.NewTicker(readinessCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		ready, states := s.Ready(ctx)
		var missing []string
		for name, state := range states {
			if state != "ok" && name != "status" {
				missing = append(missing, name+" "+state)
			}
		}
		slices.Sort(missing)
		now := cmp.Or(strings.Join(missing, ", "), states["status"])
		switch {
		case ctx.Err() != nil:
			return
		case now == last:
			continue
		case ready && now == "ok":
			s.cfg.Logger.InfoContext(ctx, "ready: nothing is missing")
		case ready:
			s.cfg.Logger.WarnContext(ctx, "ready, but something is missing", "missing", now)
		default:
			s.cfg.Logger.ErrorContext(ctx, "not ready", "missing", now, "jobs_address", s.cfg.JobsAddress, "importer_address", s.cfg.ImporterAddress)
		}
		last = now
	}
}

// serving checks a service with the gRPC health protocol. It describes a problem in one word only, because this route
// is public.
func serving(ctx context.Context, conn *grpc.ClientConn, name string) string {
	resp, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{Service: name}, grpc.WaitForReady(false))
	switch {
	case err != nil:
		return "unreachable"
	case resp.GetStatus() != healthv1.HealthCheckResponse_SERVING:
		return notServing
	}
	return "ok"
}

func answerHealth(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller might have disconnected
}
