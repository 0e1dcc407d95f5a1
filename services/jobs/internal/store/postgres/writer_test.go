package postgres

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

func TestCloseDoesNotWaitForRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config, err := pgx.ParseConfig("postgres://127.0.0.1/jobs")
		if err != nil {
			t.Fatal(err)
		}
		dials := 0
		config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, errors.New("refused")
		}
		w := &writer{config: config, timeout: transactTimeout, stopping: make(chan struct{})}
		close(w.stopping)
		begun := time.Now()
		if err := w.attempt([]*change{{}}); !errors.Is(err, job.ErrUnavailable) || dials < maxTries {
			t.Errorf("%d attempts, %v", dials, err)
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("waited %v", waited)
		}
	})
}
