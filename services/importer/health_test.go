package importer_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"headway/internal/pgtest"
	"headway/services/importer"
)

func TestImporterWithoutItsDatabaseIsNotServing(t *testing.T) {
	url := pgtest.Shared(t).Database(t, fmt.Sprint("away_", databases.Add(1)))
	proxy := pgtest.NewProxy(t, pgtest.Shared(t).Address())
	w := setup(t, func(c *importer.Config) {
		c.Records, c.Blobs = url, "file://"+filepath.Join(t.TempDir(), "blobs")
		c.ImportsDatabase = strings.Replace(url, pgtest.Shared(t).Address(), proxy.Address(), 1)
	})
	health := healthv1.NewHealthClient(w.dial(w.importerAddress))
	await := func(want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		eventually(t, "the importer is "+want.String(), func() bool {
			resp, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{})
			return err == nil && resp.GetStatus() == want
		})
	}
	await(healthv1.HealthCheckResponse_SERVING)
	proxy.Mute()
	await(healthv1.HealthCheckResponse_NOT_SERVING)
	proxy.Unmute()
	proxy.Cut()
	await(healthv1.HealthCheckResponse_SERVING)
}
