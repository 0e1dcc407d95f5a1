package check

import (
	"cmp"
	"errors"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/text"
)

// minCauses and maxCauses are limits of the number of root causes. Rows with other causes are still rejected and blocked, but not
// grouped.
const minCauses, maxCauses = 1000, 100_000

// RootCauses counts the rows that each root cause blocks, over all sheets of a run.
type RootCauses struct {
	schema *schema.Schema
	list   []rootCause
	max    int
	// missing finds the root cause of a reference to a missing row, by sheet, column, and value.
	missing *keyset.Set[uint32]
	// rejected finds the root cause of a rejected row, by sheet and row.
	rejected map[rowID]uint32
}

type rowID struct {
	sheet string
	row   uint32
}

// rootCause is one root cause.
type rootCause struct {
	issue imports.Issue
	// says returns the message: "“D-17” of “Departments” is missing. …"
	says func(waiting, blocked messages.Parameter) messages.Message
	// stopped counts rows by the index of their sheet in the schema.
	stopped []uint32
}

// NewRootCauses returns an empty set of root causes that use at most about a number of bytes. 0 means no limit but maxCauses.
func NewRootCauses(s *schema.Schema, space keyset.Space, bytes int64) *RootCauses {
	limit := maxCauses
	if bytes > 0 {
		limit = int(min(max(bytes/issueBytes, minCauses), maxCauses))
	}
	return &RootCauses{schema: s, max: limit, missing: keyset.New[uint32](space), rejected: map[rowID]uint32{}}
}

// rejectedRow returns the root cause of a rejected row that others refer to by a value. It returns 0 if there are too many.
func (c *RootCauses) rejectedRow(sheet *Sheet, e entry, value messages.Value) uint32 {
	id := rowID{sheet.Spec.Name, e.row}
	if known, ok := c.rejected[id]; ok {
		return known
	}
	issue, kept := sheet.firstIssue[int(e.row)]
	if !kept {
		issue = imports.Issue{Sheet: sheet.Spec.Name, Row: int(e.row), Severity: imports.Error, Code: e.code,
			Says: messages.New("unlisted")}
		if e.column >= 0 {
			column := sheet.Columns[e.column]
			issue.Column, issue.CellColumn = column.Spec.Name, column.Cell
		}
		issue.Cell = sheet.Position.Cell(int(e.row), issue.CellColumn)
	}
	opened := c.open(issue, func(waiting, blocked messages.Parameter) messages.Message {
		return messages.New("cause.error", messages.Any("value", value), sheetTitle(sheet.Spec), waiting, blocked)
	})
	if opened != 0 {
		c.rejected[id] = opened
	}
	return opened
}

// known returns the root cause of references to a missing row, if there is one.
func (c *RootCauses) known(parent *schema.Sheet, column string, value []byte) (uint32, bool) {
	i := c.missing.Find(missingID(parent, column, value))
	if i < 0 {
		return 0, false
	}
	return c.missing.Get(i), true
}

// missingRow adds the root cause of references to a missing row. It returns 0 if there are too many.
func (c *RootCauses) missingRow(issue imports.Issue, parent *schema.Sheet, column string, value []byte) uint32 {
	quoted := text.Quoted(value, maxQuoted)
	opened := c.open(issue, func(waiting, blocked messages.Parameter) messages.Message {
		return messages.New("cause.missing", messages.Any("value", quoted), sheetTitle(parent), waiting, blocked)
	})
	if opened != 0 {
		c.missing.Add(missingID(parent, column, value), opened)
	}
	return opened
}

func missingID(parent *schema.Sheet, column string, value []byte) []byte {
	return append([]byte(parent.Name+"\x00"+column+"\x00"), value...)
}

// Bytes returns approximately the memory in use. The values of missing rows have their own.
func (c *RootCauses) Bytes() int64 {
	return int64(len(c.list))*issueBytes + int64(len(c.rejected))*64
}

// Close frees the memory and the file of the values of missing rows. It returns the first error of that file.
func (c *RootCauses) Close() error { return errors.Join(c.missing.Err(), c.missing.Close()) }

func (c *RootCauses) open(issue imports.Issue, says func(waiting, blocked messages.Parameter) messages.Message) uint32 {
	if len(c.list) == c.max {
		return 0
	}
	c.list = append(c.list, rootCause{issue: issue, says: says, stopped: make([]uint32, len(c.schema.Sheets))})
	return uint32(len(c.list))
}

// stops counts a row of a sheet that the cause blocks.
func (c *RootCauses) stops(cause uint32, sheet int) {
	if cause != 0 {
		c.list[cause-1].stopped[sheet]++
	}
}

// Largest returns the n causes that block the most rows.
func (c *RootCauses) Largest(n int) []imports.RootCause {
	var found []imports.RootCause
	for i := range c.list {
		if root := c.describe(&c.list[i]); root.BlockedRows > 0 {
			found = append(found, root)
		}
	}
	slices.SortStableFunc(found, func(a, b imports.RootCause) int { return cmp.Compare(b.BlockedRows, a.BlockedRows) })
	return found[:min(n, len(found))]
}

func (c *RootCauses) describe(of *rootCause) imports.RootCause {
	root := imports.RootCause{Issue: of.issue}
	var waiting []messages.Value
	for i, n := range of.stopped {
		if n == 0 {
			continue
		}
		root.BlockedRows += n
		waiting = append(waiting, messages.Of(messages.New("cause.rows", messages.Count("n", n), sheetTitle(c.schema.Sheets[i]))))
	}
	root.Says = of.says(messages.List("waiting", messages.And, waiting...), messages.Count("blocked", root.BlockedRows))
	root.Issue.Message, root.Message = root.Issue.Says.English(), root.Says.English()
	return root
}

// sheetTitle is the parameter with the title of a sheet, which can be singular or plural, in any language.
func sheetTitle(sheet *schema.Sheet) messages.Parameter { return messages.Text("sheet", sheet.Title) }
