package check

import (
	"context"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
)

// maxKnown limits the number of cached lookups per parent.
const maxKnown = 100_000

// parent is the sheet that a column refers to.
type parent struct {
	sheet  *Sheet
	column string
	// known caches whether the database has a value.
	known *keyset.Set[bool]
}

// holds reports whether the database is known to have a value.
func (p *parent) holds(value []byte) bool {
	i := p.known.Find(value)
	return i >= 0 && p.known.Get(i)
}

// storedOnly reports whether the result for a value of the file depends only on the database: the row exists there,
// with this value or with another one, and is not changed.
func (p *parent) storedOnly(e entry) bool {
	return e.state == Present && (len(p.sheet.Spec.Key) > 1 || p.column != p.sheet.Spec.Key[0])
}

// title returns the header of the column that is referred to.
func (p *parent) title() string {
	if c, _ := p.sheet.Spec.Column(p.column); c != nil {
		return c.Title
	}
	return p.column
}

// keysOf returns the keys that references to a column are looked up in. It returns nil if the file does not have the sheet
// or the column.
func (s *Sheet) keysOf(column string) *keys {
	if len(s.Spec.Key) == 1 && s.Spec.Key[0] == column {
		return s.keys
	}
	for i, set := range s.uniques {
		if s.Columns[i].Spec.Name == column {
			return set
		}
	}
	return nil
}

// replaces reports whether a row of the file replaces the value that a row of the database has in a unique column, given
// that no row of the file has the value. The database might not show that.
func (s *Sheet) replaces(column string, owner []imports.Value) bool {
	if s.keysOf(column) == nil {
		return false // the file does not have the column
	}
	i := s.keys.Find(s.ownerKey(owner))
	return i >= 0 && s.keys.Get(i).state == Accepted
}

// lookUpParents looks up the referenced rows that the file does not have in the database.
func (s *Sheet) lookUpParents(ctx context.Context) error {
	b, width := s.batch, len(s.Columns)
	for column, p := range s.parents {
		if p.sheet == s && !s.replay || p.sheet.Database.WasEmpty() {
			continue
		}
		if p.known == nil || p.known.Len() > maxKnown {
			if err := p.known.Close(); err != nil {
				return err
			}
			p.known = keyset.New[bool](s.Space)
		}
		keys := p.sheet.keysOf(p.column)
		var ask []imports.Value
		for i := range b.Rows {
			v := b.Values[i*width+column]
			if v.Kind == imports.Null {
				continue
			}
			s.buffer = s.appendValue(s.buffer[:0], v, column)
			if entry := keys.Find(s.buffer); p.known.Find(s.buffer) >= 0 || entry >= 0 && !p.storedOnly(keys.Get(entry)) {
				continue
			}
			p.known.Add(s.buffer, false)
			ask = append(ask, v)
		}
		if len(ask) == 0 {
			continue
		}
		owners, err := p.sheet.Database.Owners(ctx, p.column, ask)
		if err != nil {
			return err
		}
		for i, v := range ask {
			s.buffer = s.appendValue(s.buffer[:0], v, column)
			p.known.Put(p.known.Find(s.buffer), owners[i] != nil && !p.sheet.replaces(p.column, owners[i]))
		}
	}
	return nil
}

// checkReferences checks the rows that this row refers to. It returns true if one of them is not known yet. If so, and
// if this row is not rejected, it is checked again at the end of the sheet.
func (s *Sheet) checkReferences() (waits bool) {
	if len(s.parents) == 0 {
		return false
	}
	v := &s.row
	if !s.replay {
		waits = s.waits()
		if waits && v.state != Rejected {
			return true
		}
	}
	for column := range s.Columns {
		p := s.parents[column]
		if p != nil && v.values[column].Kind != imports.Null && (!waits || p.sheet != s) {
			s.checkReference(column, p)
		}
	}
	return waits
}

// waits reports whether the row refers to a row of the same sheet that is undecided, or that has not been read yet.
func (s *Sheet) waits() bool {
	for _, column := range s.selfColumns {
		value := s.row.values[column]
		if value.Kind == imports.Null {
			continue
		}
		s.buffer = s.appendValue(s.buffer[:0], value, column)
		keys := s.keysOf(s.parents[column].column)
		entry := keys.Find(s.buffer)
		if entry < 0 || keys.Get(entry).state == Undecided || keys.Get(entry).state == Pending {
			return true
		}
	}
	return false
}

func (s *Sheet) checkReference(column int, p *parent) {
	v := &s.row
	s.buffer = s.appendValue(s.buffer[:0], v.values[column], column)
	keys := p.sheet.keysOf(p.column)
	entry := keys.Find(s.buffer)
	switch {
	case p.sheet == s && s.replay && (s.batch.cyclic[v.index] || entry >= 0 && keys.Get(entry).row == uint32(s.batch.Rows[v.index])):
		s.reject(column, imports.ReferenceCycle, func() messages.Message { return s.cycleMessage(column) })
	case entry >= 0:
		stops := keys.Get(entry).state == Rejected || keys.Get(entry).state == Blocked
		if stops || p.storedOnly(keys.Get(entry)) && !p.holds(s.buffer) {
			s.block(column, p, keys, entry)
		}
	case !p.holds(s.buffer):
		s.rejectMissing(column, p)
	}
}

// repeat adds the issues of references to rows that had not been read when Decide rejected the row.
func (s *Sheet) repeat() {
	v := &s.row
	v.state = Rejected
	for _, column := range s.selfColumns {
		if v.values[column].Kind != imports.Null {
			s.checkReference(column, s.parents[column])
		}
	}
}

func (s *Sheet) cycleMessage(column int) messages.Message {
	v := &s.row
	if len(s.key) == 1 && v.values[column].Equal(v.values[s.key[0]]) {
		return messages.New("reference.itself", s.quote(column), s.title(column))
	}
	return messages.New("reference.cycle", s.quote(column), s.title(column))
}

func (s *Sheet) rejectMissing(column int, p *parent) {
	v := &s.row
	value := v.values[column].Append(nil)
	message := func() messages.Message {
		return messages.New("reference.missing", sheetTitle(p.sheet.Spec), messages.Text("column", p.title()), s.quote(column))
	}
	first := v.state != Rejected
	s.reject(column, imports.ReferenceMissing, message)
	if s.probing {
		return
	}
	var cause uint32
	if known, ok := s.RootCauses.known(p.sheet.Spec, p.column, value); ok {
		cause = known
	} else {
		cause = s.RootCauses.missingRow(s.issue(column, imports.ReferenceMissing, message()), p.sheet.Spec, p.column, value)
	}
	s.RootCauses.stops(cause, s.Index)
	if first {
		v.cause = cause
	}
}

// block records that the row is blocked by the row that it refers to.
func (s *Sheet) block(column int, p *parent, keys *keys, entry int) {
	v := &s.row
	if s.probing {
		v.state = Blocked
		return
	}
	target := keys.Get(entry)
	cause := target.cause
	if cause == 0 && target.state == Rejected {
		cause = s.RootCauses.rejectedRow(p.sheet, target, s.quoted(column))
	}
	s.report(column, imports.ReferenceBlocked, func() messages.Message {
		title, sheet := messages.Text("column", p.title()), messages.Text("sheet", p.sheet.SourceSheet)
		if target.state == Blocked {
			return messages.New("reference.waiting", title, s.quote(column), rowNumber(target.row), sheet)
		}
		return messages.New("reference.rejected", title, s.quote(column), rowNumber(target.row), sheet)
	})
	if v.state == Accepted {
		v.state, v.cause = Blocked, cause
	}
}
