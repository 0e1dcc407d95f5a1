package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"headway/services/importer/internal/imports"
)

// BeginRun implements imports.Store.
func (s *Store) BeginRun(ctx context.Context, id string, run int64) error {
	err := s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error {
		// It waits for a transaction of an earlier run, and the next statements see what that has stored.
		err := change(ctx, tx, imports.ErrFenced, `UPDATE imports SET run = $1, ended = false, committed = false, causes = '[]' WHERE id = $2 AND run <= $1`, run, id)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(`UPDATE sheets SET counts = '{}', found = '{}', notices = 'null', changes = 'null' WHERE import_id = $1`, id)
		b.Queue(`DELETE FROM outcomes WHERE import_id = $1`, id)
		b.Queue(`DELETE FROM issues WHERE import_id = $1`, id)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("begin run %d of import %s: %w", run, id, err)
	}
	return nil
}

// lockRun keeps a later run from beginning until the end of the transaction. It returns imports.ErrFenced if one has begun.
func lockRun(ctx context.Context, tx pgx.Tx, id string, run int64) error {
	var current int64
	err := tx.QueryRow(ctx, `SELECT run FROM imports WHERE id = $1 FOR SHARE`, id).Scan(&current)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && current != run {
		return imports.ErrFenced
	}
	return err
}

// AddIssues implements imports.Store. It can't be repeated: issues have no identity.
func (s *Store) AddIssues(ctx context.Context, id string, run int64, issues []imports.Issue) error {
	err := s.write(ctx, false, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockRun(ctx, tx, id, run); err != nil {
			return err
		}
		positions, err := sheetPositions(ctx, tx, id)
		if err != nil {
			return err
		}
		columns := []string{"import_id", "sheet", "row", "cell_column", "severity", "code", "cell", "column_name", "value", "text", "message", "folded"}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"issues"}, columns, pgx.CopyFromSlice(len(issues), func(i int) ([]any, error) {
			is := &issues[i]
			position, known := positions[is.Sheet]
			if !known {
				return nil, fmt.Errorf("the import has no sheet %s", is.Sheet)
			}
			text, err := is.StoredText()
			return []any{id, position, is.Row, is.CellColumn, int(is.Severity), int(is.Code), encode(is.Cell), encode(is.Column), encode(is.Value),
				encode(text), encode(is.Message), encode(is.Folded())}, err
		}))
		return err
	})
	if err != nil {
		return fmt.Errorf("add issues of import %s: %w", id, err)
	}
	return nil
}

// sheetPositions returns the positions of an import's sheets by their names.
func sheetPositions(ctx context.Context, tx pgx.Tx, id string) (map[string]int, error) {
	rows, err := tx.Query(ctx, `SELECT name, position FROM sheets WHERE import_id = $1`, id)
	if err != nil {
		return nil, err
	}
	positions := map[string]int{}
	var name string
	var position int
	_, err = pgx.ForEachRow(rows, []any{&name, &position}, func() error { positions[decode(name)] = position; return nil })
	return positions, err
}

// EndSheet implements imports.Store.
func (s *Store) EndSheet(ctx context.Context, id string, run int64, sheet string, result imports.SheetResult) error {
	var documents [4]string
	for i, value := range []any{result.Counts, result.Found, result.Notices, result.Changes} {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		documents[i] = string(text)
	}
	var packed []byte
	if result.Rows != nil {
		var err error
		if packed, err = result.Rows.Compress(); err != nil {
			return err
		}
	}
	err := s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockRun(ctx, tx, id, run); err != nil {
			return err
		}
		err := change(ctx, tx, imports.ErrFenced, `UPDATE sheets SET counts = $1, found = $2, notices = $3, changes = $4 WHERE import_id = $5 AND name = $6`,
			documents[0], documents[1], documents[2], documents[3], id, encode(sheet))
		if err != nil || result.Rows == nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO outcomes (import_id, sheet, packed, bits) SELECT import_id, position, $1, $2 FROM sheets WHERE import_id = $3 AND name = $4
			ON CONFLICT (import_id, sheet) DO UPDATE SET packed = EXCLUDED.packed, bits = EXCLUDED.bits`, packed, imports.RowBits, id, encode(sheet))
		return err
	})
	if err != nil {
		return fmt.Errorf("store the result of sheet %s of import %s: %w", sheet, id, err)
	}
	return nil
}

// Checked implements imports.Store.
func (s *Store) Checked(ctx context.Context, id string, run int64, causes []imports.RootCause) error {
	if causes == nil {
		causes = []imports.RootCause{}
	}
	list, err := json.Marshal(causes)
	if err != nil {
		return err
	}
	return s.change(ctx, "store the root causes of import "+id, imports.ErrFenced, `UPDATE imports SET causes = $1 WHERE id = $2 AND run = $3`, string(list), id, run)
}

// EndRun implements imports.Store.
func (s *Store) EndRun(ctx context.Context, id string, run int64, committed bool) error {
	return s.change(ctx, "end the run of import "+id, imports.ErrFenced,
		`UPDATE imports SET run = $1, committed = $2, ended = true WHERE id = $3 AND run <= $1`, run, committed, id)
}

// RowResults implements imports.Store.
func (s *Store) RowResults(ctx context.Context, id, sheet string) (results imports.RowResults, err error) {
	var packed []byte
	var bits int
	err = s.readRow(ctx, []any{&packed, &bits}, `SELECT packed, bits FROM outcomes o JOIN sheets s ON s.import_id = o.import_id AND s.position = o.sheet
		WHERE o.import_id = $1 AND s.name = $2`, id, encode(sheet))
	if err == nil {
		results, err = imports.DecompressRowResults(packed, bits)
	}
	if err != nil {
		return results, fmt.Errorf("read the row results of sheet %s of import %s: %w", sheet, id, err)
	}
	return results, nil
}

// readRow reads a row, or returns imports.ErrNotFound.
func (s *Store) readRow(ctx context.Context, into []any, query string, args ...any) error {
	return s.read(ctx, func(ctx context.Context, q querier) error {
		err := q.QueryRow(ctx, query, args...).Scan(into...)
		if errors.Is(err, pgx.ErrNoRows) {
			err = imports.ErrNotFound
		}
		return err
	})
}

// Reviewed implements imports.Store.
func (s *Store) Reviewed(ctx context.Context, id string, run int64, totals imports.Counts) error {
	numbers, err := json.Marshal(totals)
	if err != nil {
		return err
	}
	return s.change(ctx, "keep the review of import "+id, imports.ErrFenced, `UPDATE imports SET review = $1 WHERE id = $2 AND run = $3`, string(numbers), id, run)
}

// LastReview implements imports.Store.
func (s *Store) LastReview(ctx context.Context, id string) (totals imports.Counts, ok bool, err error) {
	var numbers *string
	err = s.readRow(ctx, []any{&numbers}, `SELECT review FROM imports WHERE id = $1`, id)
	if err == nil && numbers != nil {
		err = json.Unmarshal([]byte(*numbers), &totals)
	}
	if err != nil {
		return totals, false, fmt.Errorf("read the review of import %s: %w", id, err)
	}
	return totals, numbers != nil, nil
}

const issueColumns = `coalesce((SELECT name FROM sheets s WHERE s.import_id = i.import_id AND s.position = i.sheet), ''), cell, row, cell_column, column_name,
	value, severity, code, text, message, sheet, serial`

// Issues implements imports.Store.
func (s *Store) Issues(ctx context.Context, id string, filter imports.IssueFilter) (imports.IssuePage, error) {
	where, args := `import_id = $1`, []any{encode(id)}
	add := func(condition string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(` AND `+condition, len(args))
	}
	if filter.Sheet != "" {
		add(`sheet = (SELECT position FROM sheets WHERE import_id = $1 AND name = $%d)`, encode(filter.Sheet))
	}
	if filter.Code != 0 {
		add(`code = $%d`, int(filter.Code))
	}
	if filter.Severity != 0 {
		add(`severity = $%d`, int(filter.Severity))
	}
	if filter.Search != "" {
		add(`(strpos(folded, $%[1]d) > 0 OR strpos(lower(message COLLATE "C"), $%[1]d) > 0)`, encode(strings.ToLower(filter.Search)))
	}
	limit := filter.Limit
	if limit <= 0 {
		limit = 100
	}
	matching, counted := where, len(args)
	if filter.After != (imports.IssueCursor{}) {
		n := len(args)
		where += fmt.Sprintf(` AND (sheet, row, cell_column, serial) > ($%d, $%d, $%d, $%d)`, n+1, n+2, n+3, n+4)
		args = append(args, filter.After.Sheet, filter.After.Row, filter.After.Column, filter.After.Serial)
	}
	args = append(args, limit+1)
	var page imports.IssuePage
	err := s.read(ctx, func(ctx context.Context, q querier) error {
		page = imports.IssuePage{}
		if err := q.QueryRow(ctx, `SELECT count(*) FROM issues WHERE `+matching, args[:counted]...).Scan(&page.Matching); err != nil {
			return err
		}
		issues, cursors, err := listIssues(ctx, q, where+fmt.Sprintf(` ORDER BY sheet, row, cell_column, serial LIMIT $%d`, len(args)), args...)
		if len(issues) > limit {
			issues = issues[:limit]
			page.Next = &cursors[limit-1]
		}
		page.Issues = issues
		return err
	})
	if err != nil {
		return imports.IssuePage{}, fmt.Errorf("list the issues of import %s: %w", id, err)
	}
	return page, nil
}

// Latest implements imports.Store.
func (s *Store) Latest(ctx context.Context, id string, n int) (issues []imports.Issue, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		issues, _, err = listIssues(ctx, q, `import_id = $1 ORDER BY serial DESC LIMIT $2`, encode(id), n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the latest issues of import %s: %w", id, err)
	}
	return issues, nil
}

func listIssues(ctx context.Context, q querier, where string, args ...any) (issues []imports.Issue, cursors []imports.IssueCursor, err error) {
	rows, err := q.Query(ctx, `SELECT `+issueColumns+` FROM issues i WHERE `+where, args...)
	if err != nil {
		return nil, nil, err
	}
	var is imports.Issue
	var at imports.IssueCursor
	var severity, code int
	var text string
	_, err = pgx.ForEachRow(rows, []any{&is.Sheet, &is.Cell, &is.Row, &is.CellColumn, &is.Column, &is.Value, &severity, &code, &text, &is.Message, &at.Sheet, &at.Serial}, func() error {
		is.Severity, is.Code = imports.Severity(severity), imports.IssueCode(code)
		at.Row, at.Column = int64(is.Row), int64(is.CellColumn)
		for _, stored := range []*string{&is.Sheet, &is.Cell, &is.Column, &is.Value, &text, &is.Message} {
			*stored = decode(*stored)
		}
		if err := is.SetStoredText(text); err != nil {
			return err
		}
		issues, cursors = append(issues, is), append(cursors, at)
		return nil
	})
	return issues, cursors, err
}

// RootCauses implements imports.Store.
func (s *Store) RootCauses(ctx context.Context, id string) (causes []imports.RootCause, err error) {
	var list string
	err = s.readRow(ctx, []any{&list}, `SELECT causes FROM imports WHERE id = $1`, id)
	if err == nil {
		err = json.Unmarshal([]byte(list), &causes)
	}
	if err != nil {
		return nil, fmt.Errorf("read the root causes of import %s: %w", id, err)
	}
	return causes, nil
}
