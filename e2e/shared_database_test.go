package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/internal/pgtest"
)

const bankSchema = `name: bank
sheets:
  - name: accounts
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: owner, type: text, required: true}
`

// transfers is a script of pgbench: an application that moves money between two accounts, and locks the lower number first.
const transfers = `\set a random(0, 1999)
\set b random(0, 1999)
BEGIN;
UPDATE accounts SET balance = balance - 1, changes = changes + 1 WHERE number = least(:a, :b);
UPDATE accounts SET balance = balance + 1, changes = changes + 1 WHERE number = greatest(:a, :b);
COMMIT;
`

func TestTwoHeadwaysAndAnApplicationShareTables(t *testing.T) {
	const database, accounts, turns = "bank", 2000, 4
	postgres := pgtest.Shared(t)
	url := postgres.Database(t, database)
	query := func(statement string) string {
		out, err := postgres.SQL(database, statement)
		if err != nil {
			t.Fatalf("%s: %v\n%s", statement, err, out)
		}
		return strings.TrimSpace(out)
	}
	query(fmt.Sprintf(`CREATE TABLE accounts (number integer PRIMARY KEY, owner text, balance integer NOT NULL DEFAULT 0, changes integer NOT NULL DEFAULT 0);
		INSERT INTO accounts SELECT n, 'nobody' FROM generate_series(0, %d) n`, accounts-1))
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "bank.yaml"), []byte(bankSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	servers := []*server{start(t, "--schemas-dir", folder, "--records", url), start(t, "--schemas-dir", folder, "--records", url)}
	stop := postgres.Bench(t, database, transfers, 4)

	imports := make([][]string, len(servers))
	for turn := range turns {
		for i, s := range servers {
			// Both have all accounts, one from the first to the last, and the other one in the opposite order.
			var rows strings.Builder
			rows.WriteString("Number,Owner\n")
			for n := range accounts {
				if i == 1 {
					n = accounts - 1 - n
				}
				fmt.Fprintf(&rows, "%d,owner %d of server %d\n", n, turn, i)
			}
			file := filepath.Join(t.TempDir(), "accounts.csv")
			if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			imports[i] = append(imports[i], s.accepted(s.token("ann"), file, "schema=bank"))
		}
	}
	for i, s := range servers {
		for _, id := range imports[i] {
			if job := s.job(s.token("ann"), id, "completed", "failed"); job["status"] != "completed" {
				t.Errorf("server %d: the import came to %v", i, job)
			}
		}
	}
	if out := stop(); strings.Contains(out, "aborted") {
		t.Errorf("the application printed\n%s", out)
	}
	for statement, want := range map[string]string{
		`SELECT count(*) FROM accounts`:                                                         fmt.Sprint(accounts),
		`SELECT count(DISTINCT owner) FROM accounts`:                                            "1", // that of the last import: none has changed the rows of another one in between
		`SELECT count(*) FROM accounts WHERE owner LIKE 'owner 3 of server _'`:                  fmt.Sprint(accounts),
		`SELECT sum(changes) > 0 FROM accounts`:                                                 "t",
		`SELECT sum(balance) FROM accounts`:                                                     "0",
		`SELECT deadlocks FROM pg_stat_database WHERE datname = '` + database + `'`:             "0",
		`SELECT count(*) FROM headway_imports WHERE applied_at IS NOT NULL AND schema = 'bank'`: fmt.Sprint(turns * len(servers)),
	} {
		if got := query(statement); got != want {
			t.Errorf("%s is %s, want %s", statement, got, want)
		}
	}
}
