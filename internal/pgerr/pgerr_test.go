package pgerr_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"headway/internal/pgerr"
	"headway/internal/pgtest"
)

func TestErrorsOfServerAreRecognized(t *testing.T) {
	server, err := pgtest.Start("fsync=off", "max_connections=3", "superuser_reserved_connections=0", "max_wal_senders=0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	url := server.URL("postgres")
	connect := func() *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(t.Context()) }) // it can be closed already
		return conn
	}
	conn := connect()
	run := func(statement string) error {
		t.Helper()
		_, err := conn.Exec(t.Context(), statement)
		return err
	}
	check := func(what string, err error, refused, conflict, lost bool) {
		t.Helper()
		got := fmt.Sprint(pgerr.Refused(err), pgerr.Conflict(err), pgerr.Lost(err))
		if err == nil || got != fmt.Sprint(refused, conflict, lost) {
			t.Errorf("%s: got %s for %v", what, got, err)
		}
	}
	check("a syntax error", run(`SELEKT`), true, false, false)
	if err := run(`CREATE TABLE one (a int PRIMARY KEY); INSERT INTO one VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	check("the same key", run(`INSERT INTO one VALUES (1)`), true, true, false)
	check("a server that only reads", run(`SET TRANSACTION READ ONLY; INSERT INTO one VALUES (2)`), false, false, true)
	passing := map[string]bool{`SELEKT`: false, `INSERT INTO one VALUES (1)`: false, `SELECT 1 / 0`: false, `SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)`: true,
		`SET TRANSACTION READ ONLY; INSERT INTO one VALUES (2)`: true}
	for _, code := range []string{"25P03", "25P04", "40001", "53100", "55P03", "57P01", "58030", "72000", "XX000"} {
		passing[fmt.Sprintf(`DO $$ BEGIN RAISE SQLSTATE '%s'; END $$`, code)] = true
	}
	for statement, want := range passing {
		if err := run(statement); pgerr.Passing(pgerr.Code(err)) != want {
			t.Errorf("%s: %v passes: %v", statement, err, !want)
		}
	}
	if pgerr.Passing("") {
		t.Error("no code passes")
	}
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT 1 / 0`); err == nil {
		t.Error("a division by zero has a result")
	}
	check("the commit of a failed transaction", tx.Commit(t.Context()), true, false, false)

	second := connect()
	if _, err := second.Exec(t.Context(), `SET idle_in_transaction_session_timeout = 10; BEGIN`); err != nil {
		t.Fatal(err)
	}
	for connected := 2; connected > 1; {
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`).Scan(&connected); err != nil {
			t.Fatal(err)
		}
	}
	_, err = second.Exec(t.Context(), `SELECT 1`)
	check("a transaction that waited too long", err, false, false, true)
	connect()
	third := connect()
	_, err = pgx.Connect(t.Context(), url)
	check("no room for a connection", err, false, false, true)
	_, err = third.Exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`)
	check("the end of the connection", err, false, false, true)
	_, err = third.Exec(t.Context(), `SELECT 1`)
	check("a closed connection", err, false, false, true)
	server.Kill()
	check("a server that has crashed", run(`SELECT 1`), false, false, true)
	_, err = pgx.Connect(t.Context(), url)
	check("a server that doesn't run", err, false, false, true)
	_, err = pgx.Connect(t.Context(), "postgres://headway@"+server.Address()+"/postgres?sslmode=nonsense")
	if pgerr.Lost(err) || pgerr.Refused(err) {
		t.Errorf("a setting that is wrong is %v", err)
	}
	if pgerr.Lost(nil) || pgerr.Refused(nil) || pgerr.Conflict(nil) {
		t.Error("no error is one")
	}
}
