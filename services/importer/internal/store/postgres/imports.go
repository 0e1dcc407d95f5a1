package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/importer/internal/imports"
)

// Create implements imports.Store.
func (s *Store) Create(ctx context.Context, im imports.Import) (kept imports.Import, replayed bool, err error) {
	columns, err := encodeImport(im)
	if err != nil {
		return imports.Import{}, false, fmt.Errorf("create import %s: %w", im.ID, err)
	}
	err = s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error {
		kept, replayed = im, false
		tag, err := tx.Exec(ctx, `INSERT INTO imports (id, owner, schema, file_name, size_bytes, sha256, file_stored, request_id, fingerprint,
			on_issues, mode, dry_run, schema_digest, notices, unused, mapping, text_format, text_formats, created_at, scheduled)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ON CONFLICT DO NOTHING`, columns...)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 1 {
			return insertSheets(ctx, tx, im)
		}
		earlier, err := getWhere(ctx, tx, `id = $1`, im.ID)
		if err == nil { // a commit of this call that was not confirmed
			kept = earlier
			return nil
		}
		if !errors.Is(err, imports.ErrNotFound) {
			return err
		}
		earlier, err = getWhere(ctx, tx, `owner = $1 AND request_id = $2`, encode(im.Owner), encode(im.RequestID))
		if err != nil {
			return err
		}
		kept, replayed = earlier, true
		if earlier.Fingerprint != im.Fingerprint {
			return imports.ErrRequestIDReused
		}
		return nil
	})
	if err != nil {
		var uncertain *uncertainError
		if errors.As(err, &uncertain) {
			err = fmt.Errorf("%w: %w", imports.ErrCreateUncertain, err)
		}
		return imports.Import{}, false, fmt.Errorf("create import %s: %w", im.ID, err)
	}
	return kept, replayed, nil
}

// encodeImport returns the values of the columns that an import has from the beginning, in the order of the statement above.
func encodeImport(im imports.Import) ([]any, error) {
	var documents [5]string
	for i, value := range []any{im.Notices, im.Unused, im.Mapping, im.Text, im.Texts} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		documents[i] = string(text)
	}
	return []any{im.ID, encode(im.Owner), encode(im.Schema), encode(im.FileName), im.SizeBytes, im.SHA256, im.FileStored, encode(im.RequestID), im.Fingerprint,
		int(im.Policy.OnIssues), int(im.Policy.Mode), im.Policy.DryRun, im.SchemaDigest, documents[0], documents[1], documents[2], documents[3], documents[4],
		im.CreatedAt.UnixNano(), im.Scheduled}, nil
}

func insertSheets(ctx context.Context, tx pgx.Tx, im imports.Import) error {
	b := &pgx.Batch{}
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
		b.Queue(`INSERT INTO sheets (import_id, position, name, source, counts, found, notices, changes) VALUES ($1, $2, $3, $4, $5, '{}', 'null', 'null')`,
			im.ID, i, encode(sheet.Name), string(source), string(counts))
	}
	return tx.SendBatch(ctx, b).Close()
}

// Scheduled implements imports.Store.
func (s *Store) Scheduled(ctx context.Context, id string) error {
	return s.change(ctx, "note the job of import "+id, imports.ErrNotFound, `UPDATE imports SET scheduled = true WHERE id = $1`, id)
}

// Unscheduled implements imports.Store.
func (s *Store) Unscheduled(ctx context.Context) ([]imports.Import, error) {
	list, err := s.listWhere(ctx, `NOT scheduled ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list imports without a job: %w", err)
	}
	return list, nil
}

// Remove implements imports.Store.
func (s *Store) Remove(ctx context.Context, id string) error {
	if _, err := s.remove(ctx, id, ``); err != nil {
		return fmt.Errorf("remove import %s: %w", id, err)
	}
	return nil
}

// Withdraw implements imports.Store.
func (s *Store) Withdraw(ctx context.Context, id string) (scheduled bool, err error) {
	removed, err := s.remove(ctx, id, ` AND NOT scheduled`)
	if err == nil && !removed {
		err = s.read(ctx, func(ctx context.Context, q querier) error {
			return q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM imports WHERE id = $1)`, id).Scan(&scheduled)
		})
	}
	if err != nil {
		return false, fmt.Errorf("withdraw import %s: %w", id, err)
	}
	return scheduled, nil
}

func (s *Store) remove(ctx context.Context, id, condition string) (removed bool, err error) {
	err = s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM imports WHERE id = $1`+condition, id)
		if removed = tag.RowsAffected() > 0; err != nil || !removed {
			return err
		}
		b := &pgx.Batch{}
		for _, table := range []string{"sheets", "outcomes", "issues"} {
			b.Queue(`DELETE FROM `+table+` WHERE import_id = $1`, id)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return removed, err
}

// Get implements imports.Store.
func (s *Store) Get(ctx context.Context, id string) (imports.Import, error) {
	im, err := s.getWhere(ctx, `id = $1`, encode(id))
	if err != nil {
		return im, fmt.Errorf("get import %s: %w", id, err)
	}
	return im, nil
}

// ByRequestID implements imports.Store.
func (s *Store) ByRequestID(ctx context.Context, owner, requestID string) (imports.Import, error) {
	im, err := s.getWhere(ctx, `owner = $1 AND request_id = $2 AND request_id <> ''`, encode(owner), encode(requestID))
	if err != nil {
		return im, fmt.Errorf("get the import of a request: %w", err)
	}
	return im, nil
}

// CommittedWithHash implements imports.Store.
func (s *Store) CommittedWithHash(ctx context.Context, owner, schema, sha256 string) (imports.Import, error) {
	im, err := s.getWhere(ctx, `owner = $1 AND sha256 = $2 AND schema = $3 AND committed ORDER BY id DESC LIMIT 1`, encode(owner), sha256, encode(schema))
	if err != nil {
		return im, fmt.Errorf("get the import of the same bytes: %w", err)
	}
	return im, nil
}

// List implements imports.Store.
func (s *Store) List(ctx context.Context, owner, before string, n int) ([]imports.Import, error) {
	where, args := `true`, []any{n}
	if owner != "" {
		args = append(args, encode(owner))
		where += fmt.Sprintf(` AND owner = $%d`, len(args))
	}
	if before != "" {
		args = append(args, encode(before))
		where += fmt.Sprintf(` AND id < $%d`, len(args))
	}
	list, err := s.listWhere(ctx, where+` ORDER BY id DESC LIMIT $1`, args...)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return list, nil
}

// FileDeleted implements imports.Store.
func (s *Store) FileDeleted(ctx context.Context, id string) error {
	return s.change(ctx, "record that the file of import "+id+" was deleted", nil, `UPDATE imports SET file_stored = false WHERE id = $1`, id)
}

// StoredBytes implements imports.Store.
func (s *Store) StoredBytes(ctx context.Context, owner string) (n int64, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, `SELECT coalesce(sum(size_bytes), 0)::bigint FROM imports WHERE owner = $1 AND file_stored`, encode(owner)).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count the bytes of an owner: %w", err)
	}
	return n, nil
}

// Exist implements imports.Store.
func (s *Store) Exist(ctx context.Context, ids []string) (existing map[string]bool, err error) {
	asked := make([]string, len(ids))
	for i, id := range ids {
		asked[i] = encode(id)
	}
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		existing = map[string]bool{}
		rows, err := q.Query(ctx, `SELECT id FROM imports WHERE id = ANY($1)`, asked)
		if err != nil {
			return err
		}
		var id string
		_, err = pgx.ForEachRow(rows, []any{&id}, func() error { existing[decode(id)] = true; return nil })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for imports: %w", err)
	}
	return existing, nil
}

func (s *Store) getWhere(ctx context.Context, where string, args ...any) (im imports.Import, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error { im, err = getWhere(ctx, q, where, args...); return err })
	return im, err
}

func (s *Store) listWhere(ctx context.Context, where string, args ...any) (list []imports.Import, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error { list, err = listWhere(ctx, q, where, args...); return err })
	return list, err
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
	const sheets = `FROM sheets WHERE import_id = imports.id ORDER BY position`
	rows, err := q.Query(ctx, `SELECT id, owner, schema, file_name, size_bytes, sha256, file_stored, request_id, fingerprint, on_issues, mode, dry_run,
		schema_digest, notices, unused, mapping, text_format, text_formats, created_at, scheduled, run, committed, ended,
		ARRAY(SELECT source `+sheets+`), ARRAY(SELECT counts `+sheets+`), ARRAY(SELECT found `+sheets+`), ARRAY(SELECT notices `+sheets+`), ARRAY(SELECT changes `+sheets+`)
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

func scan(rows pgx.Rows) (imports.Import, error) {
	var im imports.Import
	var notices, unused, mapping, text, texts string
	var created int64
	var onIssues, mode int
	var source, counts, found, sheetNotices, changes []string
	err := rows.Scan(&im.ID, &im.Owner, &im.Schema, &im.FileName, &im.SizeBytes, &im.SHA256, &im.FileStored, &im.RequestID, &im.Fingerprint, &onIssues, &mode,
		&im.Policy.DryRun, &im.SchemaDigest, &notices, &unused, &mapping, &text, &texts, &created, &im.Scheduled, &im.Run, &im.Committed, &im.Ended,
		&source, &counts, &found, &sheetNotices, &changes)
	if err != nil {
		return im, err
	}
	for _, stored := range []*string{&im.Owner, &im.Schema, &im.FileName, &im.RequestID} {
		*stored = decode(*stored)
	}
	im.Policy.OnIssues, im.Policy.Mode = imports.OnIssues(onIssues), imports.Mode(mode)
	im.CreatedAt = time.Unix(0, created).UTC()
	documents := []document{{notices, &im.Notices}, {unused, &im.Unused}, {mapping, &im.Mapping}, {text, &im.Text}, {texts, &im.Texts}}
	if len(source) > 0 {
		im.Sheets = make([]imports.Sheet, len(source))
	}
	for i := range im.Sheets {
		sheet := &im.Sheets[i]
		documents = append(documents, document{source[i], sheet}, document{counts[i], &sheet.Counts}, document{found[i], &sheet.Found},
			document{sheetNotices[i], &sheet.Notices}, document{changes[i], &sheet.Changes})
	}
	for _, d := range documents {
		if err := json.Unmarshal([]byte(d.text), d.into); err != nil {
			return im, fmt.Errorf("decode import %s: %w", im.ID, err)
		}
	}
	return im, nil
}

// document is a JSON text, and where its value belongs.
type document struct {
	text string
	into any
}
