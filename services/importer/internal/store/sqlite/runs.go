package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"headway/services/importer/internal/imports"
)

// BeginRun implements imports.Store.
func (s *Store) BeginRun(ctx context.Context, id string, run int64) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE imports SET run = ?1, ended = 0, committed = 0, causes = '[]' WHERE id = ?2 AND run <= ?1`, run, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(imports.ErrFenced, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE sheets SET counts = '{}', found = '{}', notices = 'null', changes = 'null' WHERE import_id = ?`, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM outcomes WHERE import_id = ?`, id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM issues WHERE import_id = ?`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin run %d of import %s: %w", run, id, err)
	}
	return nil
}

// AddIssues implements imports.Store.
func (s *Store) AddIssues(ctx context.Context, id string, run int64, issues []imports.Issue) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		var current int64
		if err := tx.QueryRowContext(ctx, `SELECT run FROM imports WHERE id = ?`, id).Scan(&current); err != nil || current != run {
			return errors.Join(imports.ErrFenced, err)
		}
		statement, err := tx.PrepareContext(ctx, `INSERT INTO issues (import_id, sheet, row, cell_column, severity, code, cell, column_name, value, text, message, folded)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer statement.Close()
		// A sheet's record can have megabytes of headers, so it is not read for each issue.
		positions := map[string]int{}
		for i := range issues {
			is := &issues[i]
			position, known := positions[is.Sheet]
			if !known {
				if err := tx.QueryRowContext(ctx, `SELECT position FROM sheets WHERE import_id = ? AND name = ?`, id, is.Sheet).Scan(&position); err != nil {
					return fmt.Errorf("find the sheet %s: %w", is.Sheet, err)
				}
				positions[is.Sheet] = position
			}
			text, err := is.StoredText()
			if err != nil {
				return err
			}
			if _, err := statement.ExecContext(ctx, id, position, is.Row, is.CellColumn, int(is.Severity), int(is.Code), is.Cell, is.Column, is.Value, text, is.Message, is.Folded()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add issues of import %s: %w", id, err)
	}
	return nil
}

// EndSheet implements imports.Store.
func (s *Store) EndSheet(ctx context.Context, id string, run int64, sheet string, result imports.SheetResult) error {
	counts, err := json.Marshal(result.Counts)
	if err != nil {
		return err
	}
	found, err := json.Marshal(result.Found)
	if err != nil {
		return err
	}
	notices, err := json.Marshal(result.Notices)
	if err != nil {
		return err
	}
	changes, err := json.Marshal(result.Changes)
	if err != nil {
		return err
	}
	var packed []byte
	if result.Rows != nil {
		if packed, err = result.Rows.Compress(); err != nil {
			return err
		}
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := change(ctx, tx, imports.ErrFenced, `UPDATE sheets SET counts = ?, found = ?, notices = ?, changes = ?
			WHERE import_id = ? AND name = ? AND EXISTS (SELECT 1 FROM imports WHERE id = import_id AND run = ?)`, string(counts), string(found), string(notices), string(changes), id, sheet, run)
		if err != nil || result.Rows == nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO outcomes (import_id, sheet, packed, bits)
			SELECT import_id, position, ?, ? FROM sheets WHERE import_id = ? AND name = ?`, packed, imports.RowBits, id, sheet)
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
	return s.change(ctx, "store the root causes of import "+id, imports.ErrFenced, `UPDATE imports SET causes = ? WHERE id = ? AND run = ?`, string(list), id, run)
}

// EndRun implements imports.Store.
func (s *Store) EndRun(ctx context.Context, id string, run int64, committed bool) error {
	return s.change(ctx, "end the run of import "+id, imports.ErrFenced,
		`UPDATE imports SET run = ?1, committed = ?2, ended = 1 WHERE id = ?3 AND run <= ?1`, run, committed, id)
}

// RowResults implements imports.Store.
func (s *Store) RowResults(ctx context.Context, id, sheet string) (results imports.RowResults, err error) {
	var packed []byte
	var bits int
	err = s.db.QueryRowContext(ctx, `SELECT packed, bits FROM outcomes o JOIN sheets s ON s.import_id = o.import_id AND s.position = o.sheet
		WHERE o.import_id = ? AND s.name = ?`, id, sheet).Scan(&packed, &bits)
	if errors.Is(err, sql.ErrNoRows) {
		err = imports.ErrNotFound
	}
	if err == nil {
		results, err = imports.DecompressRowResults(packed, bits)
	}
	if err != nil {
		return results, fmt.Errorf("read the row results of sheet %s of import %s: %w", sheet, id, unavailable(err))
	}
	return results, nil
}

// Reviewed implements imports.Store.
func (s *Store) Reviewed(ctx context.Context, id string, run int64, totals imports.Counts) error {
	numbers, err := json.Marshal(totals)
	if err != nil {
		return err
	}
	return s.change(ctx, "keep the review of import "+id, imports.ErrFenced, `UPDATE imports SET review = ? WHERE id = ? AND run = ?`, string(numbers), id, run)
}

// LastReview implements imports.Store.
func (s *Store) LastReview(ctx context.Context, id string) (totals imports.Counts, ok bool, err error) {
	var numbers sql.NullString
	err = s.db.QueryRowContext(ctx, `SELECT review FROM imports WHERE id = ?`, id).Scan(&numbers)
	if errors.Is(err, sql.ErrNoRows) {
		err = imports.ErrNotFound
	}
	if err == nil && numbers.Valid {
		err = json.Unmarshal([]byte(numbers.String), &totals)
	}
	if err != nil {
		return totals, false, fmt.Errorf("read the review of import %s: %w", id, err)
	}
	return totals, numbers.Valid, nil
}

const issueColumns = `(SELECT name FROM sheets s WHERE s.import_id = i.import_id AND s.position = i.sheet), cell, row, cell_column, column_name,
	value, severity, code, text, message, sheet, serial`

// Issues implements imports.Store.
func (s *Store) Issues(ctx context.Context, id string, filter imports.IssueFilter) (imports.IssuePage, error) {
	var page imports.IssuePage
	where := `import_id = ?`
	args := []any{id}
	if filter.Sheet != "" {
		where += ` AND sheet = (SELECT position FROM sheets WHERE import_id = ? AND name = ?)`
		args = append(args, id, filter.Sheet)
	}
	if filter.Code != 0 {
		where += ` AND code = ?`
		args = append(args, int(filter.Code))
	}
	if filter.Severity != 0 {
		where += ` AND severity = ?`
		args = append(args, int(filter.Severity))
	}
	if filter.Search != "" {
		where += ` AND (instr(folded, ?) > 0 OR instr(lower(message), ?) > 0)`
		searched := strings.ToLower(filter.Search)
		args = append(args, searched, searched)
	}
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM issues WHERE `+where, args...).Scan(&page.Matching); err != nil {
		return page, fmt.Errorf("count the issues of import %s: %w", id, err)
	}
	limit := filter.Limit
	if limit <= 0 {
		limit = 100
	}
	if filter.After != (imports.IssueCursor{}) {
		where += ` AND (sheet, row, cell_column, serial) > (?, ?, ?, ?)`
		args = append(args, filter.After.Sheet, filter.After.Row, filter.After.Column, filter.After.Serial)
	}
	args = append(args, limit+1)
	issues, cursors, err := s.issues(ctx, `SELECT `+issueColumns+` FROM issues i WHERE `+where+` ORDER BY sheet, row, cell_column, serial LIMIT ?`, args...)
	if err != nil {
		return page, fmt.Errorf("list the issues of import %s: %w", id, err)
	}
	if len(issues) > limit {
		issues = issues[:limit]
		page.Next = &cursors[limit-1]
	}
	page.Issues = issues
	return page, nil
}

// Latest implements imports.Store.
func (s *Store) Latest(ctx context.Context, id string, n int) ([]imports.Issue, error) {
	issues, _, err := s.issues(ctx, `SELECT `+issueColumns+` FROM issues i WHERE import_id = ? ORDER BY serial DESC LIMIT ?`, id, n)
	if err != nil {
		return nil, fmt.Errorf("list the latest issues of import %s: %w", id, err)
	}
	return issues, nil
}

func (s *Store) issues(ctx context.Context, query string, args ...any) ([]imports.Issue, []imports.IssueCursor, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var issues []imports.Issue
	var cursors []imports.IssueCursor
	for rows.Next() {
		var is imports.Issue
		var at imports.IssueCursor
		var severity, code int
		var text string
		if err := rows.Scan(&is.Sheet, &is.Cell, &is.Row, &is.CellColumn, &is.Column, &is.Value, &severity, &code, &text, &is.Message, &at.Sheet, &at.Serial); err != nil {
			return nil, nil, err
		}
		if err := is.SetStoredText(text); err != nil {
			return nil, nil, err
		}
		is.Severity, is.Code = imports.Severity(severity), imports.IssueCode(code)
		at.Row, at.Column = int64(is.Row), int64(is.CellColumn)
		issues, cursors = append(issues, is), append(cursors, at)
	}
	return issues, cursors, rows.Err()
}

// RootCauses implements imports.Store.
func (s *Store) RootCauses(ctx context.Context, id string) ([]imports.RootCause, error) {
	var list string
	err := s.db.QueryRowContext(ctx, `SELECT causes FROM imports WHERE id = ?`, id).Scan(&list)
	if errors.Is(err, sql.ErrNoRows) {
		err = imports.ErrNotFound
	}
	var causes []imports.RootCause
	if err == nil {
		err = json.Unmarshal([]byte(list), &causes)
	}
	if err != nil {
		return nil, fmt.Errorf("read the root causes of import %s: %w", id, err)
	}
	return causes, nil
}
