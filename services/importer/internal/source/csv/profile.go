package csv

import (
	"bytes"
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

const (
	// profileBytes is the size of the part of the file from which the columns are learned.
	profileBytes = 1 << 20
	// profileRecords is the maximum number of records from which they are learned.
	profileRecords = 2000
	// maxProfileColumns is the maximum number of columns of a table whose damaged lines are repaired.
	maxProfileColumns = 256
	// maxShapes is the maximum number of stored shapes per column.
	maxShapes = 256
)

// profile describes the columns of the table, as the undamaged records at its beginning have them.
type profile struct {
	// width is the number of cells of most records. 0 means that there is no table.
	width int
	// first is the line of the first record with this width.
	first   int
	columns []column
	// typical is the likelihood that nine of ten records reach.
	typical float64
	// short reports whether records with fewer cells are usual.
	short bool
}

// column describes the cells of a column.
type column struct {
	cells, blanks, quoted int
	exact, coarse         map[string]int
	// once is the number of exact shapes that only one cell has.
	once int
	// values has the texts, if there are few of them.
	values map[string]int
	// prefix and suffix are those of all texts.
	prefix, suffix       []byte
	shortest, longest    int
	firstClass, endClass [classes]int
	characters           [128]bool
}

// The classes of the first and the last character of a cell.
const (
	lower = iota
	upper
	digit
	mark
	foreign
	classes
)

func classOf(r rune) int {
	switch {
	case unicode.IsDigit(r):
		return digit
	case unicode.IsUpper(r):
		return upper
	case unicode.IsLetter(r):
		return lower
	case r < utf8.RuneSelf:
		return mark
	}
	return foreign
}

// learn describes the columns of a sample.
func learn(sample []byte, complete bool, d dialect) *profile {
	p := &profile{}
	widths, records := map[int]int{}, 0
	var order []int
	each(sample, complete, d, func(_ *scanner, r *record) {
		widths[len(r.fields)]++
		records++
		order = append(order, len(r.fields))
	})
	p.width, _ = modal(widths)
	if last := belowPreamble(order); last >= 2*p.width {
		p.width = last
	}
	if p.width < 2 || p.width > maxProfileColumns {
		return p
	}
	fewer := 0
	for w, n := range widths {
		if w < p.width && w > 1 {
			fewer += n
		}
	}
	p.short = fewer*20 > records
	p.columns = make([]column, p.width)
	for i := range p.columns {
		p.columns[i] = column{exact: map[string]int{}, coarse: map[string]int{}, values: map[string]int{}, shortest: 1 << 30}
	}
	var text, shape []byte
	each(sample, complete, d, func(s *scanner, r *record) {
		if len(r.fields) != p.width || r.broken {
			return
		}
		if p.first == 0 {
			p.first = s.line
			return // the headers
		}
		for i, f := range r.fields {
			raw := s.buf[f.start:f.end]
			if f.escaped {
				text = d.appendText(text[:0], raw)
				raw = text
			}
			shape = p.columns[i].learn(raw, f.quoted, shape)
		}
	})
	for i := range p.columns {
		for _, n := range p.columns[i].exact {
			if n == 1 {
				p.columns[i].once++
			}
		}
	}
	p.calibrate(sample, complete, d)
	return p
}

// belowPreamble returns the number of cells of the last records, if at least two in succession have it and all records above have
// fewer: they are the table of a file with more lines above it than in it, such as a bank statement. Otherwise, it returns 0.
func belowPreamble(widths []int) int {
	if len(widths) == 0 {
		return 0
	}
	width, rows := widths[len(widths)-1], 0
	for i := len(widths) - 1; i >= 0 && widths[i] == width; i-- {
		rows++
	}
	for _, w := range widths[:len(widths)-rows] {
		if w >= width {
			return 0
		}
	}
	if rows < 2 {
		return 0
	}
	return width
}

// each calls visit for the records of a sample that are not blank.
func each(sample []byte, complete bool, d dialect, visit func(*scanner, *record)) {
	s := sampleScanner(sample, d)
	for n := 0; n < profileRecords; {
		r, err := s.next()
		if err != nil || !complete && r.next == s.end && n > 0 {
			return
		}
		if len(bytes.TrimSpace(s.buf[r.start:r.end])) > 0 {
			n++
			visit(s, r)
		}
		s.advance()
	}
}

// learn adds a cell. It returns the memory of shapes.
func (c *column) learn(text []byte, quoted bool, memory []byte) []byte {
	c.cells++
	if quoted {
		c.quoted++
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		c.blanks++
		return memory
	}
	count := func(m map[string]int, shape []byte) {
		if _, ok := m[string(shape)]; ok || len(m) < maxShapes {
			m[string(shape)]++
		}
	}
	memory = appendShape(memory[:0], text, true)
	count(c.exact, memory)
	memory = appendShape(memory[:0], text, false)
	count(c.coarse, memory)
	if len(text) <= 64 {
		count(c.values, text)
	}
	if c.cells-c.blanks == 1 {
		c.prefix, c.suffix = bytes.Clone(text), bytes.Clone(text)
	}
	c.prefix = c.prefix[:commonPrefix(c.prefix, text)]
	c.suffix = c.suffix[len(c.suffix)-commonSuffix(c.suffix, text):]
	c.shortest, c.longest = min(c.shortest, len(text)), max(c.longest, len(text))
	first, _ := utf8.DecodeRune(text)
	last, _ := utf8.DecodeLastRune(text)
	c.firstClass[classOf(first)]++
	c.endClass[classOf(last)]++
	for _, b := range text {
		if b < utf8.RuneSelf {
			c.characters[b] = true
		}
	}
	return memory
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// fit returns the logarithm of how likely a text is in the column. shape is memory for shapes.
func (c *column) fit(text []byte, quoted bool, shape *[]byte) float64 {
	n := float64(c.cells)
	if n == 0 {
		return 0
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return math.Log((float64(c.blanks) + 0.1) / (n + 0.2))
	}
	score := math.Log((n - float64(c.blanks) + 0.1) / (n + 0.2))
	if quoted {
		score += max(-3, math.Log((float64(c.quoted)+0.3)/(n+0.6)))
	} else {
		score += max(-3, math.Log((n-float64(c.quoted)+0.3)/(n+0.6)))
	}
	filled := n - float64(c.blanks)
	if filled == 0 {
		return score - 3
	}
	if c.values[string(text)] > 0 && 2*len(c.values) <= c.cells-c.blanks {
		score += 1.5
	}
	*shape = appendShape((*shape)[:0], text, true)
	if known := c.exact[string(*shape)]; known > 0 {
		score += max(-2.5, 0.5*math.Log(float64(known)/filled))
	} else {
		// The share of shapes that only one cell has is about the share of cells with a new shape.
		unseen := (float64(c.once) + 0.3) / (filled + 1)
		*shape = appendShape((*shape)[:0], text, false)
		if known := c.coarse[string(*shape)]; known > 0 {
			score += max(-3, math.Log(max(unseen, 0.1)))
		} else {
			score += 1.5 * max(-5, math.Log(unseen))
		}
	}
	common := min(4, 0.1*filled) // few cells can be alike by chance
	if len(c.prefix) >= 3 && !bytes.HasPrefix(text, c.prefix) {
		score -= common
	}
	if len(c.suffix) >= 3 && !bytes.HasSuffix(text, c.suffix) {
		score -= common
	}
	first, _ := utf8.DecodeRune(text)
	last, _ := utf8.DecodeLastRune(text)
	score += math.Log((float64(c.firstClass[classOf(first)]) + 0.1) / (filled + 0.5))
	score += math.Log((float64(c.endClass[classOf(last)]) + 0.1) / (filled + 0.5))
	if len(text) > 2*c.longest || 2*len(text) < c.shortest {
		score -= 2
	}
	odd := 0
	for _, b := range text {
		if b < utf8.RuneSelf && !c.characters[b] && !isAlphanumeric(b) {
			odd++
		}
	}
	return score - 0.7*float64(min(odd, 4))
}

// calibrate finds how well the records of the sample fit.
func (p *profile) calibrate(sample []byte, complete bool, d dialect) {
	var scores []float64
	var text, shape []byte
	each(sample, complete, d, func(s *scanner, r *record) {
		if len(r.fields) != p.width || r.broken || s.line == p.first || len(scores) == 500 {
			return
		}
		total := 0.0
		for i, f := range r.fields {
			raw := s.buf[f.start:f.end]
			if f.escaped {
				text = d.appendText(text[:0], raw)
				raw = text
			}
			total += p.columns[i].fit(raw, f.quoted, &shape)
		}
		scores = append(scores, total)
	})
	p.typical = quantile(scores, 0.1)
}

// quantile returns the value that a share of the values is below.
func quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[int(share*float64(len(values)-1))]
}
