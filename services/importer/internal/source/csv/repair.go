package csv

import (
	"bytes"
	"math"

	"headway/services/importer/internal/source"
)

// The costs of repairs in a reading of a damaged line, on the scale of column.fit.
const (
	costOfExtra = 2.5 // an empty cell that is left out
	// costOfTrailing is that of an empty cell after the last column.
	costOfTrailing = 0.3
	costOfMissing  = 3.5 // a separator that is not there
	costOfQuote    = 2.2 // a quotation mark that belongs to the text
	costOfJoin     = 3.0 // a delimiter that belongs to the text, without quotation marks
	costOfOther    = 4.0 // another character as separator of the whole line
	costOfShort    = 1.0 // missing cells at the end
	// slack is the maximum by which a repaired record can fit worse than the typical one.
	slack = 12.0
	// maxJoin is the maximum number of delimiters in the text of a cell without quotation marks.
	maxJoin = 3
	// maxAtoms is the maximum number of delimiters of a line that is repaired, and maxLine is its maximum number of bytes.
	maxAtoms = 512
	maxLine  = 16 << 10
	// firstBudget and budgetPerRecord limit the work per sheet: the number of cells that are compared with columns, and the
	// number that each record adds to it. Further damaged lines are not repaired.
	firstBudget     = 4 << 20
	budgetPerRecord = 16
)

// repairer reads damaged lines.
type repairer struct {
	d      dialect
	p      *profile
	budget int64
	// best has a state for each number of atoms that are read, and each number of cells that they form.
	best  []state
	atoms []int // where they begin, and one more
	cells []cell
	shape []byte
	text  []byte
}

// state is the best way to read a number of atoms as a number of cells.
type state struct {
	score float64
	// from is the number of atoms before the last step. how is the action of the last step, and at is where it split.
	from int
	how  step
	at   int
}

type step uint8

const (
	unreached step = iota
	origin
	asCell
	asTwo
	dropped
)

// cell is a cell of a repaired line. The text is in the buffer of the scanner, or in that of the repairer.
type cell struct {
	text   []byte
	quoted bool
}

// repair reads a line as one cell per column of the table. It returns nil if no reading fits. isHeader means that the
// line can have the headers, so that its values are not like those of the columns.
func (r *repairer) repair(line []byte, isHeader bool) ([]cell, source.Misread) {
	if len(r.p.columns) == 0 || len(line) > maxLine {
		return nil, source.Unclear
	}
	r.text = r.text[:0]
	cells, how, score := r.align(line, r.d.delimiter, isHeader)
	least := r.p.typical - slack
	if isHeader {
		least = -slack
	}
	if cells == nil || score < least {
		for _, o := range delimiters {
			if o.c == r.d.delimiter || o.c == r.d.quote || 2*bytes.Count(line, []byte{o.c}) < r.p.width {
				continue
			}
			if 2*bytes.Count(line, []byte{r.d.delimiter}) > 2*r.p.width-2 {
				break
			}
			kept := append([]cell(nil), cells...)
			others, _, s := r.align(line, o.c, isHeader)
			if s -= costOfOther; others != nil && (kept == nil || s > score) {
				cells, how, score = others, source.SeparatorOther, s
			} else {
				cells = kept
			}
		}
	}
	if cells == nil || score < least {
		return nil, source.Unclear
	}
	return cells, how
}

// align finds the best reading of a line with a delimiter.
func (r *repairer) align(line []byte, delimiter byte, isHeader bool) ([]cell, source.Misread, float64) {
	r.atoms = append(r.atoms[:0], 0)
	for i, c := range line {
		if c == delimiter {
			r.atoms = append(r.atoms, i+1)
		}
	}
	n, width := len(r.atoms), r.p.width
	r.atoms = append(r.atoms, len(line)+1)
	if n > maxAtoms || r.budget <= 0 {
		return nil, source.Unclear, 0
	}
	fields := r.countFields(line, delimiter)
	r.best = append(r.best[:0], make([]state, (n+1)*(width+1))...)
	r.at(0, 0).how = origin
	free := delimiter != r.d.delimiter && delimiter == ' ' // a blank in a text costs nothing
	for a := range n {
		for j := range width + 1 {
			s := r.at(a, j)
			if s.how == unreached {
				continue
			}
			if r.blank(line, a) {
				cost := costOfExtra
				if j == width {
					cost = costOfTrailing
				}
				r.reach(a+1, j, state{score: s.score - cost, from: a, how: dropped})
			}
			if j == width {
				continue
			}
			for b := a; b < n; b++ {
				raw := line[r.atoms[a] : r.atoms[b+1]-1]
				if b > a && !r.canJoin(raw, b-a, free) {
					if b-a > maxJoin && !r.opens(raw) && !free {
						break
					}
					continue
				}
				cost := 0.0
				if b > a && !free && !r.opens(raw) {
					cost = costOfJoin * float64(b-a)
				}
				r.reach(b+1, j+1, state{score: s.score + r.fit(raw, j, isHeader) - cost, from: a, how: asCell})
				if j+1 < width && fields < width && !free && !isHeader {
					if at, score := r.bestSplit(raw, j); at > 0 {
						r.reach(b+1, j+2, state{score: s.score + score - cost - costOfMissing, from: a, how: asTwo, at: at})
					}
				}
			}
		}
	}
	return r.result(line, n, isHeader)
}

// countFields returns the number of cells of a line if all its quotation marks are valid.
func (r *repairer) countFields(line []byte, delimiter byte) int {
	n, inside := 1, false
	for _, c := range line {
		switch {
		case c == r.d.quote && r.d.quote != 0:
			inside = !inside
		case c == delimiter && !inside:
			n++
		}
	}
	return n
}

func (r *repairer) at(atoms, cells int) *state { return &r.best[atoms*(r.p.width+1)+cells] }

func (r *repairer) reach(atoms, cells int, s state) {
	if old := r.at(atoms, cells); old.how == unreached || s.score > old.score {
		*old = s
	}
}

func (r *repairer) blank(line []byte, a int) bool {
	return len(bytes.TrimSpace(line[r.atoms[a]:r.atoms[a+1]-1])) == 0
}

// opens reports whether a text begins with a quotation mark.
func (r *repairer) opens(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " ")
	return r.d.quote != 0 && len(raw) > 0 && raw[0] == r.d.quote
}

// canJoin reports whether a text with delimiters can be one cell: it has quotation marks around it, or only few.
func (r *repairer) canJoin(raw []byte, joins int, free bool) bool {
	if r.opens(raw) {
		raw = bytes.TrimRight(raw, " ")
		return len(raw) > 1 && raw[len(raw)-1] == r.d.quote
	}
	return free || joins <= maxJoin
}

// unquote returns the text of a cell, and the number of quotation marks in it that have no escape.
func (r *repairer) unquote(raw []byte) (text []byte, quoted bool, strays int) {
	q := r.d.quote
	if q == 0 || bytes.IndexByte(raw, q) < 0 {
		return raw, false, 0
	}
	trimmed := bytes.Trim(raw, " ")
	last := len(trimmed) - 1
	if trimmed[0] != q || last < 1 || trimmed[last] != q {
		return raw, false, bytes.Count(raw, []byte{q})
	}
	inner := trimmed[1:last]
	if bytes.IndexByte(inner, q) < 0 {
		return inner, true, 0
	}
	start := len(r.text)
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '\\' && r.d.backslash && i+1 < len(inner):
			i++
			c = inner[i]
		case c != q:
		case !r.d.backslash && i+1 < len(inner) && inner[i+1] == q:
			i++
		default:
			strays++
		}
		r.text = append(r.text, c)
	}
	return r.text[start:len(r.text):len(r.text)], true, strays
}

// fit returns how well a text fits a column, with the cost of its quotation marks.
func (r *repairer) fit(raw []byte, j int, isHeader bool) float64 {
	r.budget--
	kept := len(r.text)
	text, quoted, strays := r.unquote(raw)
	if strays > 0 {
		text = bytes.Trim(text, string(r.d.quote))
		quoted = quoted || r.opens(raw)
	}
	score := -costOfQuote * float64(min(strays, 8))
	switch {
	case !isHeader:
		score += r.p.columns[j].fit(text, quoted, &r.shape)
	case len(bytes.TrimSpace(text)) == 0:
		score--
	}
	r.text = r.text[:kept]
	return score
}

// maxSplits is the maximum number of positions in a text at which a missing separator is tried.
const maxSplits = 1024

// bestSplit returns the position in a text at which a separator fits best, or 0.
func (r *repairer) bestSplit(raw []byte, j int) (at int, score float64) {
	score = math.Inf(-1)
	if len(raw) > maxSplits {
		return 0, score
	}
	for i := 1; i < len(raw); i++ {
		if raw[i]&0xC0 == 0x80 || !r.canSplit(raw, i) {
			continue
		}
		if r.budget <= 0 {
			break
		}
		if s := r.fit(raw[:i], j, false) + r.fit(raw[i:], j+1, false); s > score {
			at, score = i, s
		}
	}
	return at, score
}

// canSplit reports whether two cells can meet at a position in a long text: one of them has a quotation mark there, or the
// characters are of different classes.
func (r *repairer) canSplit(raw []byte, i int) bool {
	if raw[i-1] == r.d.quote || raw[i] == r.d.quote || len(raw) < 48 {
		return true
	}
	return classOf(rune(raw[i-1])) != classOf(rune(raw[i]))
}

// result follows the steps of the best reading back to its beginning.
func (r *repairer) result(line []byte, n int, isHeader bool) ([]cell, source.Misread, float64) {
	width := r.p.width
	score, cells := math.Inf(-1), 0
	rest := 0.0
	for j := width; j >= 0; j-- {
		if j < width {
			if isHeader {
				break
			}
			if j == width-1 {
				rest -= costOfShort
			}
			rest += r.p.columns[j].fit(nil, false, &r.shape)
		}
		if s := r.at(n, j); s.how != unreached && s.score+rest > score {
			score, cells = s.score+rest, j
		}
	}
	if cells == 0 {
		return nil, source.Unclear, score
	}
	r.cells = append(r.cells[:0], make([]cell, cells)...)
	how := source.AsWritten
	put := func(j int, raw []byte) {
		text, quoted, strays := r.unquote(raw)
		r.cells[j] = cell{text, quoted}
		if strays > 0 && how == source.AsWritten {
			how = source.QuoteStray
		}
	}
	for a, j := n, cells; a > 0; {
		s := r.at(a, j)
		raw := line[r.atoms[s.from] : r.atoms[a]-1]
		switch s.how {
		case asCell:
			j--
			put(j, raw)
			if a-s.from > 1 && !r.opens(raw) {
				how = source.SeparatorExtra
			}
		case asTwo:
			j -= 2
			put(j, raw[:s.at])
			put(j+1, raw[s.at:])
			how = source.SeparatorMissing
		case dropped:
			if j == width {
				break
			}
			how = source.SeparatorExtra
		}
		a = s.from
	}
	return r.cells, how, score
}
