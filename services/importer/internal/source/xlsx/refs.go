package xlsx

import "headway/services/importer/internal/source/cellvalue"

// The last column, XFD, and the last row of a sheet.
const maxColumn, maxRow = 16_384, 1_048_576

// parseRef reads a cell reference (ECMA-376 Part 1 §18.18.62, ST_CellRef).
// ok is false if ref is not a reference, or is outside a sheet of 16,384 columns and 1,048,576 rows.
func parseRef(ref []byte) (col, row int, ok bool) {
	i := 0
	for ; i < len(ref) && i < 4; i++ {
		c := ref[i] | 0x20
		if c < 'a' || c > 'z' {
			break
		}
		col = col*26 + int(c-'a') + 1
	}
	row, ok = cellvalue.ParseInt(ref[i:], maxRow)
	if !ok || row == 0 || ref[i] == '0' || col == 0 || col > maxColumn {
		return 0, 0, false
	}
	return col, row, true
}
