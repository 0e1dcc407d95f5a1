package xlsx

import (
	"bytes"
	"slices"
	"strconv"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// beginRow starts the row with the number ref. If ref is empty, it is the row after the previous one.
func (r *Rows) beginRow(ref []byte, hidden bool) error {
	next, wasEmpty := r.number+1, len(r.cells)+len(r.blanks) == 0
	r.cells, r.stable, r.col = r.cells[:0], 0, 0
	r.rowFormulas, r.stableFormulas = r.rowFormulas[:0], 0
	r.content, r.sorted, r.blanks, r.inCell = false, true, r.blanks[:0], false
	r.text.Reset()
	if r.spilledBytes > 0 {
		clear(r.spilled)
		r.spilledBytes = 0
	}
	r.unresolved = r.unresolved[:0]
	r.start = r.x.Base + int64(r.x.Pos)
	if len(ref) > 0 {
		n, ok := cellvalue.ParseInt(ref, 1<<40)
		switch {
		case !ok || n == 0:
			return r.x.Refusal(source.Damaged, "a row has the number %q", zipxml.Clip(ref))
		case n == r.number && wasEmpty:
			// Some writers begin a row again for each cell. This row is still empty.
		case n < next:
			return r.x.Refusal(source.Damaged, "row %d comes after row %d", n, r.number)
		}
		next = n
	}
	if next > r.limits.MaxRows {
		return r.x.Refusal(source.LimitExceeded, "it has a row %d. The maximum is %d", next, r.limits.MaxRows)
	}
	r.number = next
	r.digits = strconv.AppendInt(r.digits[:0], int64(next), 10)
	r.row = source.Row{Number: next, Hidden: hidden}
	return nil
}

// readCells reads the cells of a row up to its end (ECMA-376 Part 1
// §18.3.1.73).
func (r *Rows) readCells() error {
	for {
		if r.quick {
			if r.quickCells() {
				if r.rowContinues() {
					continue
				}
				return r.endRow()
			}
			if r.x.Err != nil {
				return r.x.Err
			}
		}
		switch r.x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return r.x.Err
		case zipxml.Text:
			if !zipxml.IsBlank(r.x.Text) {
				return r.x.Refusal(source.Damaged, "there is text outside its cell")
			}
		case zipxml.End:
			if r.rowContinues() {
				continue
			}
			return r.endRow()
		case zipxml.Start:
			switch {
			case r.x.Is("c"):
				if err := r.readCell(); err != nil {
					return err
				}
			case r.x.Is("extLst"):
				if !r.x.Skip() {
					return r.x.Err
				}
			default:
				return r.x.Refusal(source.Damaged, "the element %q is not allowed in a row", zipxml.Clip(r.x.Local))
			}
		}
		if err := r.checkRow(); err != nil {
			return err
		}
	}
}

// rowContinues reports whether another row element with the same number follows. If so, it has read its start tag. Some
// programs write a row element for each cell.
func (r *Rows) rowContinues() bool {
	x := r.x
	for len(x.Buf)-x.Pos < quickAhead && x.More(x.Pos) {
	}
	b := zipxml.TrimLeft(x.Buf[x.Pos:])
	if len(b) < 2 || b[0] != '<' || b[1] == '/' || x.Err != nil {
		return false
	}
	end := bytes.IndexByte(b, '>')
	if end < 0 {
		return false
	}
	tag := b[1:end]
	if local := tag[:zipxml.NameLength(tag)]; string(local[bytes.IndexByte(local, ':')+1:]) != "row" {
		return false
	}
	at := bytes.Index(tag, []byte(` r="`))
	if at < 0 || !bytes.HasPrefix(tag[at+4:], r.digits) || len(tag) <= at+4+len(r.digits) || tag[at+4+len(r.digits)] != '"' {
		return false
	}
	if t := x.Next(); t == zipxml.Text {
		x.Next() // blanks between the two
	}
	space, _ := x.Space(nil)
	r.quick = x.Prefix == nil && space == zipxml.Spreadsheet && !x.Slow && !x.Closing
	return x.Err == nil
}

// checkRow checks the row against its limit.
func (r *Rows) checkRow() error {
	if r.text.Err != nil {
		return r.text.Err
	}
	if r.x.Base+int64(r.x.Pos)-r.start > r.limits.MaxRowBytes {
		return r.x.Refusal(source.LimitExceeded, "a row is longer than %d bytes", r.limits.MaxRowBytes)
	}
	return nil
}

// endRow sorts the cells. It refuses a row with two cells at one position, even if one of them is empty.
func (r *Rows) endRow() error {
	r.inCell = false
	if r.sorted || r.text.Err != nil {
		return r.text.Err
	}
	slices.SortStableFunc(r.cells, func(a, b source.Cell) int { return a.Col - b.Col })
	for _, c := range r.cells {
		r.blanks = append(r.blanks, c.Col)
	}
	slices.Sort(r.blanks)
	for i := 1; i < len(r.blanks); i++ {
		if col := r.blanks[i]; col == r.blanks[i-1] {
			return r.x.Refusal(source.Damaged, "there are two cells %s", source.CellName(col, r.number))
		}
	}
	return nil
}
