package xlsx

import (
	"bytes"

	"headway/services/importer/internal/source"
)

// maxMerges is how many merged ranges of a row are noted.
const maxMerges = 100

// WatchMerges has the merged cells noted that cover more than one column of a
// row. It is called before the first call of Next.
func (r *Rows) WatchMerges(row int) { r.mergeRow = row }

// Merges returns the columns of the first hundred merged cells that were watched for. They are known once Next has returned false: a sheet says
// after its rows which cells are merged.
func (r *Rows) Merges() []source.Range { return r.merges }

// noteMerge takes note of the range that the current token, a mergeCell
// element, merges (ECMA-376 Part 1 §18.3.1.54). One that is none merges
// nothing.
func (r *Rows) noteMerge() {
	if r.mergeRow == 0 || len(r.merges) == maxMerges {
		return
	}
	from, to, ok := bytes.Cut(trimRight(trimLeft(r.x.attr("ref"))), []byte(":"))
	if !ok {
		return
	}
	firstCol, firstRow, okFirst := parseRef(from)
	lastCol, lastRow, okLast := parseRef(to)
	if okFirst && okLast && firstCol < lastCol && firstRow <= r.mergeRow && r.mergeRow <= lastRow {
		r.merges = append(r.merges, source.Range{FirstCol: firstCol, LastCol: lastCol})
	}
}
