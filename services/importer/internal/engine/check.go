package engine

import (
	"context"
	"fmt"
	"strings"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// maxKnown bounds what is remembered of the database's answers about a parent.
const maxKnown = 100_000

// checker holds what deciding on a batch needs, to be used again for the next.
type checker struct {
	batch  *batch
	replay bool
	// clean are the rows without a fault of their own cells; place is a row's place among them, -1 for none.
	clean [][]imports.Value
	place []int
	// existing and owners (by unique column) are what the database holds, by place.
	existing [][]imports.Value
	owners   map[int][][]imports.Value
	// written finds the rows of this batch that are to be written, by key, where unique values may change hands.
	written map[string]int
	buffer  []byte
	// row is the one being decided.
	row verdict
}

// verdict is what is being found out about a row.
type verdict struct {
	index  int
	values []imports.Value
	state  state
	cause  uint32
	fault  fault
	first  *imports.Issue
	// entry is the row's in the sheet's keys, -1 if it has no key of its own; unique likewise, by column.
	entry  int
	unique map[int]int
}

// decide says for each row of a batch what becomes of it, in order. Those to be written stand in the batch then.
func (s *sheetRun) decide(ctx context.Context, b *batch, replay bool) error {
	c := &s.check
	c.batch, c.replay = b, replay
	if err := s.lookUp(ctx); err != nil {
		return err
	}
	clear(c.written)
	nextFault := 0
	for i := range b.rows {
		s.beginRow(i)
		if replay && b.decided[i] {
			s.completeBlame()
			continue
		}
		for ; nextFault < len(b.faults) && b.faults[nextFault].row == i; nextFault++ {
			f := b.faults[nextFault]
			s.reject(f.column, f.Code, func() string { return f.Message })
		}
		s.checkKeys()
		waits := s.checkReferences()
		if c.place[i] >= 0 && c.row.state != rejected {
			s.checkDatabase(c.place[i])
		}
		if err := s.endRow(waits); err != nil {
			return err
		}
	}
	return nil
}

// lookUp asks the database about all rows of the batch at once.
func (s *sheetRun) lookUp(ctx context.Context) error {
	c, b, width := &s.check, s.check.batch, len(s.columns)
	c.clean, c.place = c.clean[:0], c.place[:0]
	nextFault := 0
	for i := range b.rows {
		faulty := false
		for ; nextFault < len(b.faults) && b.faults[nextFault].row == i; nextFault++ {
			faulty = true
		}
		if faulty {
			c.place = append(c.place, -1)
			continue
		}
		c.place = append(c.place, len(c.clean))
		c.clean = append(c.clean, b.row(i, width))
	}
	if err := s.lookUpParents(ctx); err != nil || s.table.WasEmpty() {
		return err
	}
	s.pipeline.written()
	var err error
	if c.existing, err = s.table.Existing(ctx, c.clean); err != nil {
		return err
	}
	if len(s.uniques) > 0 && c.owners == nil {
		c.owners, c.written = map[int][][]imports.Value{}, map[string]int{}
	}
	for column := range s.uniques {
		if c.owners[column], err = s.table.Owners(ctx, column, c.clean); err != nil {
			return err
		}
	}
	return nil
}

// lookUpParents asks the database for the referred rows that the workbook does not have.
func (s *sheetRun) lookUpParents(ctx context.Context) error {
	c, b, width := &s.check, s.check.batch, len(s.columns)
	for column, p := range s.parents {
		if p.sheet == s && !c.replay || p.sheet.table.WasEmpty() {
			continue
		}
		if len(p.known) > maxKnown {
			clear(p.known)
		}
		keys := p.sheet.keysOf(p.column)
		var ask []imports.Value
		for i := range b.rows {
			v := b.values[i*width+column]
			if v.Kind == imports.Null {
				continue
			}
			c.buffer = v.Append(c.buffer[:0])
			if _, known := p.known[string(c.buffer)]; known || keys.find(c.buffer) >= 0 {
				continue
			}
			p.known[string(c.buffer)] = false
			ask = append(ask, v)
		}
		if len(ask) == 0 {
			continue
		}
		s.pipeline.written()
		holds, err := p.sheet.table.Holds(ctx, p.column, ask)
		if err != nil {
			return err
		}
		for i, v := range ask {
			p.known[string(v.Append(nil))] = holds[i]
		}
	}
	return nil
}

func (s *sheetRun) beginRow(i int) {
	v := &s.check.row
	unique := v.unique
	clear(unique)
	*v = verdict{index: i, values: s.check.batch.row(i, len(s.columns)), state: accepted, entry: -1, unique: unique}
}

// checkKeys finds keys and unique values that an earlier row of the sheet has.
func (s *sheetRun) checkKeys() {
	c := &s.check
	v := &c.row
	number := c.batch.rows[v.index]
	if s.hasKey(v.values) {
		c.buffer = appendKey(c.buffer[:0], v.values, s.key)
		if c.replay {
			v.entry = s.keys.find(c.buffer)
		} else if entry, found := s.keys.add(c.buffer, number); found {
			s.reject(s.key[0], imports.DuplicateInFile, func() string {
				return s.duplicateMessage(s.spec.Key, s.key, s.keys.at(entry).row)
			})
		} else {
			v.entry = entry
		}
	}
	for column, set := range s.uniques {
		value := v.values[column]
		if value.Kind == imports.Null {
			continue
		}
		if v.unique == nil {
			v.unique = map[int]int{}
		}
		c.buffer = value.Append(c.buffer[:0])
		if c.replay {
			v.unique[column] = set.find(c.buffer)
		} else if entry, found := set.add(c.buffer, number); found {
			s.reject(column, imports.DuplicateInFile, func() string {
				return s.duplicateMessage([]string{s.columns[column].spec.Name}, []int{column}, set.at(entry).row)
			})
		} else {
			v.unique[column] = entry
		}
	}
}

func (s *sheetRun) hasKey(values []imports.Value) bool {
	for _, k := range s.key {
		if values[k].Kind == imports.Null {
			return false
		}
	}
	return true
}

func (s *sheetRun) duplicateMessage(names []string, columns []int, first uint32) string {
	titles := make([]string, len(names))
	values := make([]string, len(names))
	for i, column := range columns {
		titles[i] = s.columns[column].spec.Title
		values[i] = "“" + source.Clip(s.check.row.values[column].Append(nil), 40) + "”"
	}
	return fmt.Sprintf("%s %s stands in %s already; each row needs its own.", strings.Join(titles, " and "), strings.Join(values, ", "),
		s.cellName(int(first), s.columns[columns[0]].cell))
}

// checkReferences looks at the rows that this one refers to; true if one of them is not known yet. A row that has to
// wait for that, and is not rejected anyway, is looked at when it is replayed.
func (s *sheetRun) checkReferences() (waits bool) {
	if len(s.parents) == 0 {
		return false
	}
	c := &s.check
	v := &c.row
	if !c.replay {
		waits = s.waits()
		if waits && v.state != rejected {
			return true
		}
	}
	for column := range s.columns {
		p := s.parents[column]
		if p != nil && v.values[column].Kind != imports.Null && (!waits || p.sheet != s) {
			s.checkReference(column, p)
		}
	}
	return waits
}

// waits tells whether the row refers to one of its own sheet that is not decided on yet, or has not come yet.
func (s *sheetRun) waits() bool {
	c := &s.check
	for _, column := range s.selfColumns {
		value := c.row.values[column]
		if value.Kind == imports.Null {
			continue
		}
		c.buffer = value.Append(c.buffer[:0])
		keys := s.keysOf(s.parents[column].column)
		entry := keys.find(c.buffer)
		if entry < 0 || keys.at(entry).state == undecided || keys.at(entry).state == pending {
			return true
		}
	}
	return false
}

func (s *sheetRun) checkReference(column int, p *parent) {
	c := &s.check
	v := &c.row
	c.buffer = v.values[column].Append(c.buffer[:0])
	keys := p.sheet.keysOf(p.column)
	entry := keys.find(c.buffer)
	switch {
	case p.sheet == s && c.replay && (c.batch.cyclic[v.index] || entry >= 0 && keys.at(entry).row == uint32(c.batch.rows[v.index])):
		s.reject(column, imports.ReferenceCycle, func() string { return s.cycleMessage(column) })
	case entry >= 0:
		if state := keys.at(entry).state; state == rejected || state == blocked {
			s.block(column, p, keys, entry)
		}
	case !p.known[string(c.buffer)]:
		s.rejectMissing(column, p)
	}
}

// completeBlame finds what else is wrong with a row that was rejected before the rows of its own sheet to which it
// refers had come. The row is counted already.
func (s *sheetRun) completeBlame() {
	v := &s.check.row
	v.state = rejected
	for _, column := range s.selfColumns {
		if v.values[column].Kind != imports.Null {
			s.checkReference(column, s.parents[column])
		}
	}
}

func (s *sheetRun) cycleMessage(column int) string {
	v := &s.check.row
	target := source.Clip(v.values[column].Append(nil), 40)
	if len(s.key) == 1 && v.values[column].Equal(v.values[s.key[0]]) {
		return fmt.Sprintf("The row names itself, “%s”, as its %s; leave the cell empty or name another row.", target, strings.ToLower(s.columns[column].spec.Title))
	}
	return fmt.Sprintf("“%s” leads back to this row in a circle; change %s in one of the rows.", target, s.columns[column].spec.Title)
}

func (s *sheetRun) rejectMissing(column int, p *parent) {
	v := &s.check.row
	value := v.values[column].Append(nil)
	message := func() string {
		return fmt.Sprintf("There is no %s with %s “%s”, neither in this workbook nor in the database.",
			singular(p.sheet.spec.Title), p.title(), source.Clip(value, 40))
	}
	first := v.state != rejected
	s.reject(column, imports.ReferenceMissing, message)
	var cause uint32
	if known, ok := s.run.causes.known(p.sheet.spec, p.column, value); ok {
		cause = known
	} else {
		cause = s.run.causes.missingRow(s.issue(column, imports.ReferenceMissing, message()), p.sheet.spec, p.column, value)
	}
	s.run.causes.stops(cause, s.index)
	if first {
		v.cause = cause
	}
}

// title is the header of the column that is referred to.
func (p *parent) title() string {
	if c, _ := p.sheet.spec.Column(p.column); c != nil {
		return c.Title
	}
	return p.column
}

// block marks the row as stopped by the row that it refers to.
func (s *sheetRun) block(column int, p *parent, keys *keySet, entry int) {
	v := &s.check.row
	target := *keys.at(entry)
	cause := target.cause
	if cause == 0 && target.state == rejected {
		cause = s.run.causes.rejectedRow(p.sheet, target)
	}
	s.add(column, imports.ReferenceBlocked, func() string {
		what := "was rejected"
		if target.state == blocked {
			what = "is blocked itself"
		}
		return fmt.Sprintf("The %s “%s” in row %d of the sheet “%s” %s, so this row cannot be imported; mend that row first.",
			singular(p.sheet.spec.Title), source.Clip(v.values[column].Append(nil), 40), target.row, p.sheet.source.WorkbookSheet, what)
	})
	if v.state == accepted {
		v.state, v.cause = blocked, cause
	}
}

// checkDatabase holds an otherwise good row against what the database has.
func (s *sheetRun) checkDatabase(place int) {
	c := &s.check
	v := &c.row
	var held []imports.Value
	if !s.table.WasEmpty() {
		held = c.existing[place]
	}
	switch mode := s.run.task.Import.Policy.Mode; {
	case mode == imports.InsertOnly && held != nil:
		clean := v.state == accepted
		s.reject(s.key[0], imports.KeyExists, func() string {
			return s.keyMessage("is in the database already, and this import may only insert new rows.")
		})
		if clean {
			v.state = present
		}
	case mode == imports.UpdateOnly && held == nil:
		s.reject(s.key[0], imports.KeyUnknown, func() string {
			return s.keyMessage("is not in the database yet, and this import may only update rows.")
		})
	}
	for column := range s.uniques {
		if c.owners == nil || s.table.WasEmpty() {
			break
		}
		if owner := c.owners[column][place]; owner != nil && s.ownedByOther(column, owner) {
			s.reject(column, imports.DuplicateInDatabase, func() string {
				return fmt.Sprintf("%s “%s” belongs to another row of the database; each row needs its own.",
					s.columns[column].spec.Title, source.Clip(v.values[column].Append(nil), 40))
			})
		}
	}
}

func (s *sheetRun) keyMessage(rest string) string {
	return fmt.Sprintf("%s “%s” %s", s.columns[s.key[0]].spec.Title, source.Clip(s.check.row.values[s.key[0]].Append(nil), 40), rest)
}

// ownedByOther tells whether a unique value belongs to another row than this, and will once the rows above are
// written.
func (s *sheetRun) ownedByOther(column int, owner []imports.Value) bool {
	c := &s.check
	same := true
	for i, k := range s.key {
		same = same && owner[i].Equal(c.row.values[k])
	}
	if same {
		return false
	}
	identity := make([]int, len(owner))
	for i := range identity {
		identity[i] = i
	}
	above, ok := c.written[string(appendKey(nil, owner, identity))]
	return !ok || c.batch.row(above, len(s.columns))[column].Equal(c.row.values[column])
}

// endRow counts the row, and lets those that refer to it know.
func (s *sheetRun) endRow(waits bool) error {
	c := &s.check
	v := &c.row
	number := c.batch.rows[v.index]
	if v.state == accepted && waits {
		v.state = pending
	}
	switch v.state {
	case accepted:
		s.accept()
	case rejected, present:
		s.counts.Rejected++
		if v.first != nil && len(s.firstIssue) < imports.KeptPerSheet {
			s.firstIssue[number] = *v.first
		}
		if waits {
			if err := s.pending.add(number, v.values, true); err != nil {
				return err
			}
		}
	case blocked:
		s.counts.Blocked++
		s.run.causes.stops(v.cause, s.index)
	case pending:
		if err := s.pending.add(number, v.values, false); err != nil {
			return err
		}
		v.cause = uint32(s.pending.len()) // its place, from 1
	}
	if v.entry >= 0 {
		s.keys.settle(v.entry, v)
	}
	for column, entry := range v.unique {
		if entry >= 0 {
			s.uniques[column].settle(entry, v)
		}
	}
	return nil
}

func (k *keySet) settle(entry int, v *verdict) {
	e := k.at(entry)
	e.state, e.cause, e.fault = v.state, v.cause, v.fault
}

// accept counts a good row, and has it written unless the database holds the same.
func (s *sheetRun) accept() {
	c := &s.check
	v := &c.row
	var held []imports.Value
	if !s.table.WasEmpty() {
		held = c.existing[c.place[v.index]]
	}
	number := c.batch.rows[v.index]
	switch {
	case held == nil:
		s.counts.Inserted++
		s.outcomes.Set(number, imports.Inserted)
	case equal(held, v.values):
		s.counts.Unchanged++
		s.outcomes.Set(number, imports.Unchanged)
		return
	default:
		s.counts.Updated++
		s.outcomes.Set(number, imports.Updated)
	}
	c.batch.write = append(c.batch.write, v.values)
	if c.written != nil {
		c.written[string(appendKey(nil, v.values, s.key))] = v.index
	}
}

func equal(a, b []imports.Value) bool {
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// reject notes an error of the row itself. Column is -1 for the whole row.
func (s *sheetRun) reject(column int, code imports.IssueCode, message func() string) {
	v := &s.check.row
	if v.state != rejected {
		v.state = rejected
		v.fault = fault{code: code, column: int16(column)}
		if len(s.firstIssue) < imports.KeptPerSheet {
			first := s.issue(column, code, message())
			v.first = &first
		}
	}
	s.add(column, code, message)
}

// add records an error.
func (s *sheetRun) add(column int, code imports.IssueCode, message func() string) {
	s.recorder.add(imports.Error, func() imports.Issue { return s.issue(column, code, message()) })
}

func (s *sheetRun) issue(column int, code imports.IssueCode, message string) imports.Issue {
	c := &s.check
	number := c.batch.rows[c.row.index]
	is := imports.Issue{Sheet: s.spec.Name, Row: number, Severity: imports.Error, Code: code, Message: message}
	if column >= 0 {
		is.Column, is.CellColumn = s.columns[column].spec.Name, s.columns[column].cell
		is.Value = s.shown(column)
	}
	is.Cell = s.cellName(number, is.CellColumn)
	return is
}

// shown is what a cell of the row holds, for people: a date as a date, not as Excel's number.
func (s *sheetRun) shown(column int) string {
	c := &s.check
	v := c.row.values[column]
	if len(c.batch.cells) == 0 {
		return source.Clip(v.Append(nil), imports.MaxValue)
	}
	cell := &c.batch.cells[c.row.index*len(s.columns)+column]
	if spec := s.columns[column].spec; v.Kind == imports.Text && (spec.Type == schema.Date || spec.Type == schema.Time || spec.Type == schema.DateTime) {
		return string(v.Bytes)
	}
	return source.Clip(convert.Shown(cell, s.run.task.Workbook), imports.MaxValue)
}
