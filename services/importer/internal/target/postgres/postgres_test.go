package postgres_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/postgres"
	"headway/services/importer/internal/target/targettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

var databases atomic.Int64

// database creates an empty database, and returns its name and URL.
func database(t *testing.T) (name, url string) {
	t.Helper()
	name = fmt.Sprint("test_", databases.Add(1))
	return name, pgtest.Shared(t).Database(t, name)
}

func open(t *testing.T, url string) *postgres.Target {
	t.Helper()
	target, err := postgres.New(url, postgres.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestContract(t *testing.T) {
	targettest.Run(t, func(t *testing.T) func() imports.Target {
		_, url := database(t)
		return func() imports.Target { return open(t, url) }
	})
}

// TestImportsLeaveNoWarningsInTheServersLog ends transactions that were committed, rolled back, and never written.
func TestImportsLeaveNoWarningsInTheServersLog(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	target := open(t, server.Database(t, "quiet"))
	defer func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	}()
	spec := &schema.Schema{Name: "parts", Sheets: []*schema.Sheet{{Name: "parts", Table: "parts", Key: []string{"id"},
		Columns: []*schema.Column{{Name: "id", Type: schema.Text, Required: true}}}}}
	for number, commit := range []bool{false, true} {
		tx, err := target.Begin(t.Context(), imports.Run{ImportID: fmt.Sprint("import ", number), Number: 1, Schema: spec}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if commit {
			if err := tx.Commit(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	if log := server.Log(); strings.Contains(log, "WARNING") {
		t.Errorf("the server's log has:\n%s", log)
	}
}

// TestServerThatDoesNotAnswerIsUnavailable connects to a server that accepts connections and sends nothing, as a frozen one does.
func TestServerThatDoesNotAnswerIsUnavailable(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close() // accepts nothing, but the system does
	target := open(t, "postgres://headway@"+lis.Addr().String()+"/any?sslmode=disable&connect_timeout=1")
	if err := target.Ping(t.Context()); !errors.Is(err, imports.ErrTargetUnavailable) {
		t.Errorf("Ping returns %v", err)
	}
}
