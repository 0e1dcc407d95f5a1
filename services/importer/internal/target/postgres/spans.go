package postgres

import (
	"fmt"
	"slices"
	"strings"
)

// tuplesPerBlock is above the number of rows in a block of 8 KiB (291), so that block and row make up one number.
const tuplesPerBlock = 512

// span is a range of positions in a stage.
type span struct{ from, to int64 }

// condition is the condition that a row of the stage, s, is in the span.
func (s span) condition() string {
	return fmt.Sprintf("s.ctid >= '(%d,%d)' AND s.ctid < '(%d,%d)'", s.from/tuplesPerBlock, s.from%tuplesPerBlock, s.to/tuplesPerBlock, s.to%tuplesPerBlock)
}

// wholeStage returns the span of all rows.
func (t *table) wholeStage() (span, error) {
	var blocks int64
	err := t.tx.writer.QueryRow(t.tx.ctx, fmt.Sprintf(`SELECT pg_relation_size('%s') / current_setting('block_size')::bigint`, t.stage)).Scan(&blocks)
	return span{to: blocks * tuplesPerBlock}, t.failed(err)
}

// maxScans is the maximum number of statements on servers that read a whole stage for each span of it.
const maxScans = 8

// spans divides the stage into parts, so that no statement takes longer in a larger file, and users see the progress.
func (t *table) spans() ([]span, error) {
	all, err := t.wholeStage()
	if err != nil {
		return nil, err
	}
	if t.tx.undivided || !t.divisible() {
		return []span{all}, nil
	}
	parts := (t.inserts+t.updates)/t.tx.target.options.StatementRows + 1
	if version := t.tx.writer.PgConn().ParameterStatus("server_version"); strings.HasPrefix(version, "13.") {
		parts = min(parts, maxScans)
	}
	spans := make([]span, parts)
	for i := range spans {
		spans[i] = span{from: all.to * int64(i) / parts, to: all.to * int64(i+1) / parts}
	}
	return spans, nil
}

// divisible reports whether several statements write the same rows as one: the table has no triggers and rules for whole statements, and
// each row comes after those of the table that it refers to. That is known only for references of the schema.
func (t *table) divisible() bool {
	for i := range t.tx.keys {
		if k := &t.tx.keys[i]; k.childTable == t && k.parentTable == t && !k.deferrable && !k.known(t.tx.run.Schema) {
			return false
		}
	}
	return !t.relation.statements
}

// checkEarly makes the database check a foreign key of the table at each statement, unless rows can break it until later rows are written.
// The others are checked together at the end.
func (t *table) checkEarly(written map[*table]bool, search *search) error {
	if t.early = false; search != nil || t.tx.undivided {
		return nil
	}
	var names []string
	for i := range t.tx.keys {
		k := &t.tx.keys[i]
		if k.childTable != t || !k.deferrable {
			continue
		}
		switch p := k.parentTable; {
		case p == nil:
		case p == t && k.known(t.tx.run.Schema) && (t.inserts == 0 || t.updates == 0) && !t.replaces(k.to):
		case p != t && written[p] && !p.replaces(k.to):
		default:
			continue
		}
		names = append(names, k.constraint)
	}
	if t.early = len(names) > 0; !t.early {
		return nil
	}
	return t.tx.exec(`SET CONSTRAINTS ` + strings.Join(names, ", ") + ` IMMEDIATE`)
}

// replaces reports whether the run can change values of the columns in rows that exist.
func (t *table) replaces(columns []string) bool {
	if t.updates == 0 {
		return false
	}
	for _, column := range columns {
		c, i := t.column(column)
		if c != nil && !slices.Contains(t.key, i) {
			return true
		}
	}
	return false
}

// writing is the progress of writing the rows.
type writing struct {
	report func(written, all int64)
	// rows is the number of all rows. Some need several steps: done is the number of steps that were taken, and steps is the total.
	rows, done, steps int64
}

// beginWriting adds up the steps.
func (tx *transaction) beginWriting() {
	w := writing{report: tx.run.Writes}
	for _, t := range tx.tables {
		rows := t.inserts + t.updates
		w.rows += rows
		if t.plan.create {
			w.steps += rows * int64(len(t.plan.last))
			continue
		}
		w.steps += rows
		for _, c := range t.columns {
			if r := t.resolved[c.Name]; r != nil && r.self || t.refersLater(c) {
				w.steps += rows
			}
		}
	}
	tx.writing = w
	tx.wrote(0)
}

// wrote counts steps of rows.
func (tx *transaction) wrote(steps int64) {
	w := &tx.writing
	w.done = min(w.done+steps, w.steps)
	if w.report != nil && w.steps > 0 {
		w.report(int64(float64(w.rows)*float64(w.done)/float64(w.steps)), w.rows)
	}
}
