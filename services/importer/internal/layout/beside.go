package layout

import (
	"hash/maphash"
	"slices"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Band is a part of a sheet with content between columns without any. Columns count from 1.
type Band struct{ First, Last int }

// Limits of the bands that are looked at.
const (
	bandColumns = 1024
	maxBands    = 16
	sideRows    = 2_000
)

// Bands finds the bands of a sheet. Rows with one value are titles or notes, and can be above or below several tables.
type Bands struct {
	used []bool
	wide bool
}

// Add adds the next row with content.
func (b *Bands) Add(row source.Row) {
	if b.wide || filledTo(row, 2) < 2 {
		return
	}
	for i := range row.Cells {
		cell := &row.Cells[i]
		if source.Blank(cell) {
			continue
		}
		if cell.Col > bandColumns {
			b.wide = true
			return
		}
		for len(b.used) <= cell.Col {
			b.used = append(b.used, false)
		}
		b.used[cell.Col] = true
	}
}

// Found returns the bands, if there are at least two.
func (b *Bands) Found() (found []Band) {
	if b.wide {
		return nil
	}
	for col := 1; col < len(b.used); col++ {
		switch {
		case !b.used[col]:
		case b.used[col-1]:
			found[len(found)-1].Last = col
		default:
			found = append(found, Band{col, col})
		}
	}
	if len(found) < 2 || len(found) > maxBands {
		return nil
	}
	return found
}

// Side is a band that could have a separate table.
type Side struct {
	Band
	stack *Stack
	seed  maphash.Seed
	// head is the first row of words, if the stack does not find headers.
	head Stacked
	rows []sideRow
	last int
}

// sideRow describes a row of a band.
type sideRow struct {
	number  int
	several bool
	numeric bool
	hash    uint64
}

// NewSide returns a Side for the rows of a sheet. See NewStack.
func NewSide(band Band, known func(text []byte) bool) *Side {
	return &Side{Band: band, stack: NewStack(known), seed: maphash.MakeSeed()}
}

// Add adds the next row of the sheet.
func (s *Side) Add(row source.Row) {
	row = row.Between(s.First, s.Last)
	if filledTo(row, 1) == 0 {
		return
	}
	s.stack.Add(row)
	r := sideRow{number: row.Number, several: filledTo(row, 2) == 2}
	if r.several {
		s.last = row.Number
	}
	if len(s.rows) == sideRows {
		return
	}
	var hash maphash.Hash
	hash.SetSeed(s.seed)
	for i := range row.Cells {
		cell := &row.Cells[i]
		if source.Blank(cell) {
			continue
		}
		if kind := kindOfCell(cell); kind == text.Number || kind == text.DateOrTime {
			r.numeric = true
		}
		hash.WriteByte(byte(cell.Col))
		hash.Write(cell.Text)
	}
	r.hash = hash.Sum64()
	if s.head.Header == 0 && r.several {
		if c := s.stack.candidateOf(row, shapeOf(row, 0)); c != nil {
			s.head = c.Stacked
		}
	}
	s.rows = append(s.rows, r)
}

// Tables returns the tables of the band, one below another. There are none if the band has no headers.
func (s *Side) Tables() []Stacked {
	tables := s.stack.Tables()
	if len(tables) == 0 {
		head, ok := s.headers()
		if !ok {
			return nil
		}
		tables = []Stacked{head}
	}
	for i := range tables {
		tables[i].FirstColumn, tables[i].LastColumn = s.First, s.Last
	}
	return tables
}

// headers returns the first table of the band.
func (s *Side) headers() (Stacked, bool) {
	head, ok := s.stack.First()
	if !ok {
		head, ok = s.head, s.head.Header > 0 && s.last > s.head.Header
		head.First = 1
	}
	return head, ok
}

// Headers returns the texts of the headers.
func (s *Side) Headers() []string {
	head, _ := s.headers()
	return head.Headers
}

// Fit is how the headers of two bands fit a schema.
type Fit uint8

// The ways to fit.
const (
	// Unknown headers say nothing.
	Unknown Fit = iota
	// Joint headers belong to one sheet of the schema.
	Joint
	// Separate headers belong to several sheets of the schema, or twice to one.
	Separate
	// Either headers belong to several sheets of the schema, but one sheet also has headers of both bands.
	Either
)

// Apart reports whether two bands have separate tables, and are not parts of one with an empty column: by the schema, or because one
// begins next to the records of the other, or ends before them.
func (s *Side) Apart(o *Side, fit Fit) bool {
	head, ok := s.headers()
	other, found := o.headers()
	if !ok || !found {
		return false
	}
	upper, lower := s, o
	if other.Header < head.Header {
		upper, lower = o, s
		head, other = other, head
	}
	if head.Header != other.Header {
		return fit == Separate || upper.hasRecords(head.Header, other.Header) || upper.last < other.Header && lower.last > other.Header
	}
	isDistinct := s.isDistinct(head.Header) && o.isDistinct(head.Header)
	switch fit {
	case Joint:
		return false
	case Separate:
		return isDistinct
	case Unknown, Either:
	}
	shorter := s
	if o.last < s.last {
		shorter = o
	}
	difference := max(s.last, o.last) - shorter.last
	if !isDistinct || !shorter.isFilled(head.Header) {
		return false
	}
	return difference >= leastRun || difference > 0 && (fit == Either || slices.ContainsFunc(head.Headers, func(h string) bool { return slices.Contains(other.Headers, h) }))
}

// hasRecords reports whether a band has records below its headers, down to a row.
func (s *Side) hasRecords(header, row int) bool {
	records, numeric := 0, 0
	for _, r := range s.rows {
		if r.number > header && r.number <= row && r.several {
			if records++; r.numeric {
				numeric++
			}
		}
	}
	return records >= leastRun || records > 1 && numeric > 0
}

// isFilled reports whether each row of a band below its headers has several values, up to the last one.
func (s *Side) isFilled(header int) bool {
	next := header + 1
	for _, r := range s.rows {
		if r.number > header && r.several {
			if r.number != next {
				return false
			}
			next++
		}
	}
	return next > header+1
}

// isDistinct reports whether no two rows of a band below its headers are equal, as they are if they describe the records next to them.
func (s *Side) isDistinct(header int) bool {
	seen := map[uint64]bool{}
	for _, r := range s.rows {
		if r.number > header && r.several {
			if seen[r.hash] {
				return false
			}
			seen[r.hash] = true
		}
	}
	return true
}

// Merge returns the band of two bands.
func (b Band) Merge(o Band) Band { return Band{min(b.First, o.First), max(b.Last, o.Last)} }
