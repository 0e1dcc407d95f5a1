package load_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// accountsSchema fills a table whose balances another program changes at the same time.
const accountsSchema = `
name: bank
title: Bank
sheets:
  - name: accounts
    title: Accounts
    table: accounts
    key: number
    columns:
      - {name: number, title: Number, type: integer, required: true}
      - {name: owner, title: Owner, type: text}
`

const accounts = 40

// transfer moves money between two accounts, as a program does that locks rows before it changes them.
func transfer(ctx context.Context, conn *pgx.Conn, random *rand.Rand) error {
	from, to := random.IntN(accounts), random.IntN(accounts)
	if from == to {
		return nil
	}
	low, high := min(from, to), max(from, to) // so that two transfers are never in a deadlock with each other
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for _, number := range []int{low, high} {
		if _, err := tx.Exec(ctx, `SELECT balance FROM accounts WHERE number = $1 FOR UPDATE`, number); err != nil {
			return err
		}
		amount := 1
		if number == from {
			amount = -1
		}
		if _, err := tx.Exec(ctx, `UPDATE accounts SET balance = balance + $1, changes = changes + 1 WHERE number = $2`, amount, number); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

func TestImportsAndOtherWritersLoseNothing(t *testing.T) {
	b := setupPostgres(t, accountsSchema)
	b.exec(fmt.Sprintf(`CREATE TABLE accounts (number integer PRIMARY KEY, owner text, balance integer NOT NULL DEFAULT 0, changes integer NOT NULL DEFAULT 0);
		INSERT INTO accounts SELECT n, 'none' FROM generate_series(0, %d) n`, accounts-1))
	ctx, stop := context.WithCancel(t.Context())
	var transfers atomic.Int64 // with a change of two accounts, or of none
	var writers, readers sync.WaitGroup
	work := func(group *sync.WaitGroup, do func(ctx context.Context, conn *pgx.Conn) error) {
		group.Go(func() {
			conn, err := pgx.Connect(context.WithoutCancel(ctx), b.source)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			for ctx.Err() == nil {
				if err := do(context.WithoutCancel(ctx), conn); err != nil {
					t.Errorf("another program got %v", err)
					return
				}
			}
		})
	}
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 3))
		work(&writers, func(ctx context.Context, conn *pgx.Conn) error {
			if err := transfer(ctx, conn, random); err != nil {
				return err
			}
			transfers.Add(1)
			return nil
		})
	}
	work(&readers, func(ctx context.Context, conn *pgx.Conn) error {
		var total int
		if err := conn.QueryRow(ctx, `SELECT sum(balance) FROM accounts`).Scan(&total); err != nil || total == 0 {
			return err
		}
		return fmt.Errorf("a reader sees a total of %d", total)
	})
	for turn := range 4 {
		rows := [][]any{{"Number", "Owner"}}
		for n := range accounts + turn {
			rows = append(rows, []any{n, fmt.Sprint("owner ", turn, " ", n)})
		}
		_, summary := b.run(sheetsOf(t, map[string][][]any{"Accounts": rows}), upsert)
		if want := uint32(accounts + turn); summary.Totals.Read != want || summary.Totals.Inserted+summary.Totals.Updated != want {
			t.Errorf("import %d came to %+v", turn, summary.Totals)
		}
	}
	stop()
	writers.Wait()
	readers.Wait()
	if total := b.query(`SELECT sum(balance)::bigint FROM accounts`); total != int64(0) {
		t.Errorf("the balances add up to %v", total)
	}
	if n := b.query(`SELECT count(*) FROM accounts WHERE owner LIKE 'owner 3 %'`); n != int64(accounts+3) {
		t.Errorf("%v accounts have the owner of the last import", n)
	}
	t.Logf("%d transfers", transfers.Load())
}

// meddling is a Progress that changes the database before the first commit.
type meddling struct {
	silent
	change   func()
	restarts []string
}

func (m *meddling) Restarts(why string) { m.restarts = append(m.restarts, why) }

func (m *meddling) Committing(context.Context) error {
	if m.change != nil {
		m.change()
		m.change = nil
	}
	return nil
}

func TestRunStartsAgainWhenTablesHaveChanged(t *testing.T) {
	for name, c := range map[string]struct {
		change                       string
		inserted, updated, unchanged uint32
	}{
		"a row is deleted":               {`DELETE FROM accounts WHERE number = 1`, 2, 1, 0},
		"a row is inserted":              {`INSERT INTO accounts VALUES (3, 'third')`, 0, 2, 1},
		"a value of the row is replaced": {`UPDATE accounts SET owner = 'other' WHERE number = 1`, 1, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupPostgres(t, accountsSchema)
			b.exec(`CREATE TABLE accounts (number integer PRIMARY KEY, owner text); INSERT INTO accounts VALUES (1, 'a'), (2, 'b')`)
			task := b.task(sheetsOf(t, map[string][][]any{"Accounts": {{"Number", "Owner"}, {1, "first"}, {2, "second"}, {3, "third"}}}), upsert)
			progress := &meddling{change: func() { b.exec(c.change) }}
			task.Progress = progress
			summary, err := b.loader.Run(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary.Totals; got.Inserted != c.inserted || got.Updated != c.updated || got.Unchanged != c.unchanged {
				t.Errorf("the import came to %+v after %q", got, progress.restarts)
			}
			if got := fmt.Sprint(b.rows(`SELECT number, owner FROM accounts ORDER BY number`)); got != "[1 first 2 second 3 third]" {
				t.Errorf("the accounts are %s", got)
			}
		})
	}
}
