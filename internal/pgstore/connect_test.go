package pgstore_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"

	"headway/internal/pgerr"
	"headway/internal/pgstore"
	"headway/internal/pgtest"
)

// TestPasswordIsReadForEachConnection changes a password on the server, and then in the password file.
func TestPasswordIsReadForEachConnection(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	run := func(statement string) string {
		t.Helper()
		out, err := server.SQL("postgres", statement)
		if err != nil {
			t.Fatal(err, out)
		}
		return strings.TrimSpace(out)
	}
	run(`CREATE ROLE service LOGIN PASSWORD 'first'`)
	run(`CREATE DATABASE stored OWNER service`)
	run(`COPY (VALUES ('host all service all scram-sha-256'), ('host all all all trust')) TO '` + run(`SHOW hba_file`) + `'`)
	run(`SELECT pg_reload_conf()`)
	file := filepath.Join(t.TempDir(), "pgpass")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("*:*:*:service:"+password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	config, err := pgstore.Configure("postgres://service@"+server.Address()+"/stored?passfile="+url.QueryEscape(file), "test", "")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	migrations := fstest.MapFS{"migrations/00001_one.sql": {Data: []byte("-- +goose Up\nCREATE TABLE one (a int);\n")}}
	connections := map[string]func() error{
		"a connection": func() error {
			conn, err := pgstore.Connect(t.Context(), config.ConnConfig)
			if err != nil {
				return err
			}
			return conn.Close(t.Context())
		},
		"a pool": func() error {
			pool.Reset()
			return pool.Ping(t.Context())
		},
		"a migration": func() error { return pgstore.Migrate(t.Context(), config.ConnConfig, "", migrations) },
	}
	run(`ALTER ROLE service PASSWORD 'second'`)
	for name, connect := range connections {
		if err := connect(); !pgerr.Denied(err) || !pgerr.Lost(err) {
			t.Errorf("%s with the password before: %v", name, err)
		}
	}
	write("second")
	for name, connect := range connections {
		if err := connect(); err != nil {
			t.Errorf("%s with the new password: %v", name, err)
		}
	}
}
