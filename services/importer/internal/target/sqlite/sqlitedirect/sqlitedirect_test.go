package sqlitedirect_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	sqlite3 "modernc.org/sqlite/lib"

	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*sqlitedirect.Conn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "with space & ?%.db")
	conn, err := sqlitedirect.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn, path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestValuesAreReturnedUnchanged(t *testing.T) {
	conn, path := open(t)
	must(t, conn.Exec(`CREATE TABLE t (i INTEGER PRIMARY KEY, v ANY) STRICT`))
	insert, err := conn.Prepare(`INSERT INTO t VALUES (?, ?), (?, ?)`)
	must(t, err)
	// Larger than the arena for all texts, so that one text is stored elsewhere. It contains a zero byte.
	long := strings.Repeat("Zürich\x00", 20_000)
	for i, text := range []string{"", "0042", long, "after the long one"} {
		must(t, insert.BindInt(1, int64(2*i)))
		must(t, insert.BindText(2, []byte(text)))
		must(t, insert.BindInt(3, int64(2*i+1)))
		if i%2 == 0 {
			must(t, insert.BindNull(4))
		} else {
			must(t, insert.BindInt(4, -1<<63))
		}
		if row, err := insert.Step(); err != nil || row {
			t.Fatalf("step %d: a row %v, %v", i, row, err)
		}
		if n := conn.Changes(); n != 2 {
			t.Errorf("%d rows changed, want 2", n)
		}
		insert.Reset()
	}
	must(t, insert.Close())
	var got []string
	must(t, conn.Query(`SELECT v FROM t WHERE i >= ? ORDER BY i`, []any{int64(0)}, func(row *sqlitedirect.Stmt) {
		switch row.Kind(0) {
		case sqlitedirect.Null:
			got = append(got, "null")
		case sqlitedirect.Integer:
			if row.Int(0) != -1<<63 {
				t.Errorf("the number is %d", row.Int(0))
			}
			got = append(got, "number")
		case sqlitedirect.Text:
			got = append(got, "text "+row.Text(0))
		case sqlitedirect.Other:
			t.Error("neither null nor number nor text")
		}
	}))
	want := []string{"text ", "null", "text 0042", "number", "text " + long, "null", "text after the long one", "number"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %d values, want %d, or they differ", len(got), len(want))
	}
	// The driver, in the same process, sees the same database.
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", " ", "%20").Replace(path))
	must(t, err)
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&n); err != nil || n != 8 {
		t.Errorf("the driver sees %d rows, %v", n, err)
	}
}

func TestErrorsHaveSQLitesCode(t *testing.T) {
	conn, path := open(t)
	must(t, conn.Exec(`CREATE TABLE t (v TEXT PRIMARY KEY) STRICT`))
	must(t, conn.Exec(`INSERT INTO t VALUES (?)`, "x"))
	wantCode(t, conn.Exec(`INSERT INTO t VALUES (?)`, "x"), sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
	wantCode(t, conn.Exec(`INSERT INTO nowhere VALUES (1)`), sqlite3.SQLITE_ERROR)
	other, err := sqlitedirect.Open(path)
	must(t, err)
	defer other.Close()
	must(t, conn.Exec(`BEGIN IMMEDIATE`))
	wantCode(t, other.Exec(`BEGIN IMMEDIATE`), sqlite3.SQLITE_BUSY)
	_, err = sqlitedirect.Open(filepath.Join(t.TempDir(), "no", "folder", "x.db"))
	wantCode(t, err, sqlite3.SQLITE_CANTOPEN)
	if err := conn.Exec(`SELECT ?`, 3.5); err == nil {
		t.Error("a fraction was bound")
	}
}

func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	var e *sqlitedirect.Error
	if !errors.As(err, &e) || e.Code&0xff != code&0xff || code > 0xff && e.Code != code {
		t.Errorf("got %v, want the code %d", err, code)
	}
}

func TestClosingRollsBack(t *testing.T) {
	conn, path := open(t)
	must(t, conn.Exec(`CREATE TABLE t (v TEXT)`))
	other, err := sqlitedirect.Open(path)
	must(t, err)
	must(t, other.Exec(`BEGIN`))
	must(t, other.Exec(`INSERT INTO t VALUES ('x')`))
	must(t, other.Close())
	rows := 0
	must(t, conn.Query(`SELECT * FROM t`, nil, func(*sqlitedirect.Stmt) { rows++ }))
	if rows != 0 {
		t.Errorf("%d rows are there", rows)
	}
}

// endless returns infinitely many rows.
const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n`

func TestDoneContextInterruptsStatement(t *testing.T) {
	conn, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer conn.InterruptOn(ctx)()
	wantCode(t, conn.Query(endless, nil, func(*sqlitedirect.Stmt) { cancel() }), sqlite3.SQLITE_INTERRUPT)
	must(t, conn.Exec(`SELECT 1`))
}

func TestStoppedWatchInterruptsNothing(t *testing.T) {
	conn, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	stop := conn.InterruptOn(ctx)
	stop()
	stop()
	must(t, conn.Query(endless+` LIMIT 3`, nil, func(*sqlitedirect.Stmt) { cancel() }))
}

func TestWriteDoesNotAllocate(t *testing.T) {
	conn, _ := open(t)
	must(t, conn.Exec(`CREATE TABLE t (i INTEGER, v TEXT) STRICT`))
	must(t, conn.Exec(`BEGIN`))
	insert, err := conn.Prepare(`INSERT INTO t VALUES (?, ?)`)
	must(t, err)
	defer insert.Close()
	text := []byte("some text of some length")
	if n := testing.AllocsPerRun(1000, func() {
		must(t, insert.BindInt(1, 42))
		must(t, insert.BindText(2, text))
		_, err := insert.Step()
		must(t, err)
		insert.Reset()
	}); n >= 1 {
		t.Errorf("%v allocations a row", n)
	}
}
