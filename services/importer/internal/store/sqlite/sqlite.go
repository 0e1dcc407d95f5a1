// Package sqlite stores imports, their counts, and their issues in SQLite.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"headway/internal/migrate"
	"headway/services/importer/internal/imports"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an imports.Store.
type Store struct {
	db *sql.DB
}

// Open opens the database at path. It creates the file if it does not exist, and applies the migrations.
func Open(ctx context.Context, path string) (*Store, error) {
	return open(ctx, path, 8, "busy_timeout(5000)")
}

func open(ctx context.Context, path string, connections int, pragmas ...string) (*Store, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + url.Values{
		"_txlock": {"immediate"},
		"_pragma": append(pragmas, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)"),
	}.Encode()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	if err := migrate.Up(ctx, db, goose.DialectSQLite3, migrations); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
	}
	return &Store{db: db}, nil
}

// Close implements imports.Store.
func (s *Store) Close() error { return s.db.Close() }

// Create implements imports.Store.
func (s *Store) Create(ctx context.Context, im imports.Import) (kept imports.Import, replayed bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if im.RequestID != "" {
			earlier, err := getWhere(ctx, tx, `owner = ? AND request_id = ?`, im.Owner, im.RequestID)
			if err == nil {
				kept, replayed = earlier, true
				if earlier.Fingerprint != im.Fingerprint {
					return imports.ErrRequestIDReused
				}
				return nil
			}
			if !errors.Is(err, imports.ErrNotFound) {
				return err
			}
		}
		kept = im
		return insert(ctx, tx, im)
	})
	if err != nil {
		return imports.Import{}, false, fmt.Errorf("create import %s: %w", im.ID, err)
	}
	return kept, replayed, nil
}

func insert(ctx context.Context, tx *sql.Tx, im imports.Import) error {
	notices, err := json.Marshal(im.Notices)
	if err != nil {
		return err
	}
	unused, err := json.Marshal(im.Unused)
	if err != nil {
		return err
	}
	text, err := json.Marshal(im.Text)
	if err != nil {
		return err
	}
	texts, err := json.Marshal(im.Texts)
	if err != nil {
		return err
	}
	mapping, err := json.Marshal(im.Mapping)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO imports (id, owner, schema, file_name, size_bytes, sha256, request_id, fingerprint,
		on_issues, mode, dry_run, notices, created_at, scheduled, schema_digest, unused, text_format, file_stored, mapping, text_formats) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		im.ID, im.Owner, im.Schema, im.FileName, im.SizeBytes, im.SHA256, im.RequestID, im.Fingerprint,
		int(im.Policy.OnIssues), int(im.Policy.Mode), im.Policy.DryRun, string(notices), im.CreatedAt.UTC().Format(time.RFC3339Nano), im.Scheduled, im.SchemaDigest, string(unused), string(text), im.FileStored, string(mapping), string(texts))
	if err != nil {
		return err
	}
	for i, sheet := range im.Sheets {
		counts, err := json.Marshal(sheet.Counts)
		if err != nil {
			return err
		}
		sheet.Counts, sheet.Found, sheet.Notices, sheet.Changes = imports.Counts{}, imports.Found{}, nil, nil
		source, err := json.Marshal(sheet)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO sheets (import_id, position, name, source, counts) VALUES (?,?,?,?,?)`,
			im.ID, i, sheet.Name, string(source), string(counts)); err != nil {
			return err
		}
	}
	return nil
}

// Scheduled implements imports.Store.
func (s *Store) Scheduled(ctx context.Context, id string) error {
	return s.change(ctx, "note the job of import "+id, imports.ErrNotFound, `UPDATE imports SET scheduled = 1 WHERE id = ?`, id)
}

// Unscheduled implements imports.Store.
func (s *Store) Unscheduled(ctx context.Context) ([]imports.Import, error) {
	list, err := listWhere(ctx, s.db, `scheduled = 0 ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list imports without a job: %w", err)
	}
	return list, nil
}

// Remove implements imports.Store.
func (s *Store) Remove(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM imports WHERE id = ?`, id); err != nil {
		return fmt.Errorf("remove import %s: %w", id, err)
	}
	return nil
}

// Withdraw implements imports.Store.
func (s *Store) Withdraw(ctx context.Context, id string) (scheduled bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM imports WHERE id = ? AND scheduled = 0`, id); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM imports WHERE id = ?)`, id).Scan(&scheduled)
	})
	if err != nil {
		return false, fmt.Errorf("withdraw import %s: %w", id, err)
	}
	return scheduled, nil
}

// Get implements imports.Store.
func (s *Store) Get(ctx context.Context, id string) (imports.Import, error) {
	im, err := getWhere(ctx, s.db, `id = ?`, id)
	if err != nil {
		return im, fmt.Errorf("get import %s: %w", id, err)
	}
	return im, nil
}

// ByRequestID implements imports.Store.
func (s *Store) ByRequestID(ctx context.Context, owner, requestID string) (imports.Import, error) {
	im, err := getWhere(ctx, s.db, `owner = ? AND request_id = ? AND request_id <> ''`, owner, requestID)
	if err != nil {
		return im, fmt.Errorf("get the import of a request: %w", err)
	}
	return im, nil
}

// CommittedWithHash implements imports.Store.
func (s *Store) CommittedWithHash(ctx context.Context, owner, schema, sha256 string) (imports.Import, error) {
	im, err := getWhere(ctx, s.db, `owner = ? AND sha256 = ? AND schema = ? AND committed = 1 ORDER BY id DESC LIMIT 1`, owner, sha256, schema)
	if err != nil {
		return im, fmt.Errorf("get the import of the same bytes: %w", err)
	}
	return im, nil
}

// List implements imports.Store.
func (s *Store) List(ctx context.Context, owner, before string, n int) ([]imports.Import, error) {
	list, err := listWhere(ctx, s.db, `(?1 = '' OR owner = ?1) AND (?2 = '' OR id < ?2) ORDER BY id DESC LIMIT ?3`, owner, before, n)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return list, nil
}

// FileDeleted implements imports.Store.
func (s *Store) FileDeleted(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE imports SET file_stored = 0 WHERE id = ?`, id); err != nil {
		return fmt.Errorf("record that the file of import %s was deleted: %w", id, unavailable(err))
	}
	return nil
}

// StoredBytes implements imports.Store.
func (s *Store) StoredBytes(ctx context.Context, owner string) (n int64, err error) {
	row := s.db.QueryRowContext(ctx, `SELECT coalesce(sum(size_bytes), 0) FROM imports WHERE owner = ? AND file_stored = 1`, owner)
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("count the bytes of an owner: %w", unavailable(err))
	}
	return n, nil
}

// Exist implements imports.Store.
func (s *Store) Exist(ctx context.Context, ids []string) (map[string]bool, error) {
	asked, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT id FROM imports WHERE id IN (SELECT value FROM json_each(?))`, string(asked))
	if err != nil {
		return nil, fmt.Errorf("look for imports: %w", err)
	}
	defer rows.Close()
	existing := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("look for imports: %w", err)
		}
		existing[id] = true
	}
	return existing, rows.Err()
}

// querier is implemented by *sql.DB and *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func getWhere(ctx context.Context, q querier, where string, args ...any) (imports.Import, error) {
	list, err := listWhere(ctx, q, where, args...)
	if err != nil {
		return imports.Import{}, err
	}
	if len(list) == 0 {
		return imports.Import{}, imports.ErrNotFound
	}
	return list[0], nil
}

func listWhere(ctx context.Context, q querier, where string, args ...any) ([]imports.Import, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, owner, schema, file_name, size_bytes, sha256, request_id, fingerprint, on_issues, mode,
		dry_run, notices, created_at, scheduled, committed, ended, schema_digest, unused, text_format, file_stored, run, mapping, text_formats,
		(SELECT json_group_array(json_object('source', json(source), 'counts', json(counts), 'found', json(found), 'notices', json(notices), 'changes', json(changes)) ORDER BY position) FROM sheets WHERE import_id = imports.id)
		FROM imports WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []imports.Import
	for rows.Next() {
		im, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, im)
	}
	return list, rows.Err()
}

func scan(rows *sql.Rows) (imports.Import, error) {
	var im imports.Import
	var notices, created, unused, text, mapping, texts, sheets string
	var onIssues, mode int
	err := rows.Scan(&im.ID, &im.Owner, &im.Schema, &im.FileName, &im.SizeBytes, &im.SHA256, &im.RequestID, &im.Fingerprint, &onIssues, &mode,
		&im.Policy.DryRun, &notices, &created, &im.Scheduled, &im.Committed, &im.Ended, &im.SchemaDigest, &unused, &text, &im.FileStored, &im.Run, &mapping, &texts, &sheets)
	if err != nil {
		return im, err
	}
	im.Policy.OnIssues, im.Policy.Mode = imports.OnIssues(onIssues), imports.Mode(mode)
	if im.CreatedAt, err = time.Parse(time.RFC3339Nano, created); err != nil {
		return im, err
	}
	for _, field := range []struct {
		text string
		into any
	}{{notices, &im.Notices}, {unused, &im.Unused}, {text, &im.Text}, {mapping, &im.Mapping}, {texts, &im.Texts}} {
		if err := json.Unmarshal([]byte(field.text), field.into); err != nil {
			return im, err
		}
	}
	var stored []struct {
		Source  imports.Sheet
		Counts  imports.Counts
		Found   imports.Found
		Notices []imports.Notice
		Changes []imports.ColumnChanges
	}
	if err := json.Unmarshal([]byte(sheets), &stored); err != nil {
		return im, err
	}
	for _, s := range stored {
		s.Source.Counts, s.Source.Found, s.Source.Notices, s.Source.Changes = s.Counts, s.Found, s.Notices, s.Changes
		im.Sheets = append(im.Sheets, s.Source)
	}
	return im, nil
}

// write runs a transaction.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return unavailable(err)
	}
	if err := do(tx); err != nil {
		// After some errors SQLite has already rolled back. The first error is the one to return.
		_ = tx.Rollback()
		return unavailable(err)
	}
	return unavailable(tx.Commit())
}

// unavailable marks temporary errors: a full disk, a disk that is not mounted, or a lock of another process.
func unavailable(err error) error {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%w: %w", imports.ErrStoreUnavailable, err)
	}
	return err
}

// change runs a statement that must change one row. It returns missing if it changes none.
func (s *Store) change(ctx context.Context, doing string, missing error, statement string, args ...any) error {
	if err := change(ctx, s.db, missing, statement, args...); err != nil {
		return fmt.Errorf("%s: %w", doing, unavailable(err))
	}
	return nil
}

// executor is implemented by *sql.DB and *sql.Tx.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func change(ctx context.Context, e executor, missing error, statement string, args ...any) error {
	result, err := e.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return missing
	}
	return err
}
