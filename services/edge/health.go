package edge

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"headway/internal/rpcserver"
)

// readyTimeout limits the health checks of the services.
const readyTimeout = 2 * time.Second

// notServing is the state of a service that responds, but is not ready.
const notServing = "not serving"

// healthz answers GET /healthz: the process is alive.
func (s *Service) healthz(w http.ResponseWriter, _ *http.Request) {
	answerHealth(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz answers GET /readyz: 200 if both services are serving, the importer can reach the database for the rows, tokens
// can be checked, and the edge is not draining.
// Otherwise, it answers 503 with the problems.
func (s *Service) readyz(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		answerHealth(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	var (
		g              errgroup.Group
		jobs, importer string

		targetAway, busAway    bool
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
	_ = g.Wait() // these functions return no errors
	body := map[string]string{"status": "ok", "jobs": jobs, "importer": importer}
	status := http.StatusOK
	if s.cfg.TokensReady != nil {
		body["issuer"] = "ok"
		if s.cfg.TokensReady() != nil { // details are only in its log, because this route is public
			body["issuer"] = "unreachable"
		}
	}
	if busAway {
		body["bus"] = "unreachable" // streams are later, and complete
	}
	lacking := false
	for name, lacks := range map[string]bool{
		"descriptors": s.exhausted.Lately(), "storage": s.storage.Lately() || jobsFull || importerFull, "target": targetAway,
	} {
		if lacks {
			lacking, body[name] = true, map[string]string{"descriptors": "exhausted", "storage": "full", "target": "unreachable"}[name]
		}
	}
	if lacking || jobs != "ok" || importer != "ok" || body["issuer"] == "unreachable" {
		body["status"], status = "unavailable", http.StatusServiceUnavailable
	}
	answerHealth(w, status, body)
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
