package load

import (
	"headway/internal/messages"
	"headway/services/importer/internal/check"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
)

// doubt is a fault that is known before a cell is converted. Such a cell has no value.
type doubt struct {
	// CellFault has no Fault if another doubt about the row has one.
	check.CellFault
	// whole means that the doubt applies to all cells of the row.
	whole bool
}

// notARecord returns the doubt about the row with this index in the batch. If a column raises it that only other tables have, it is
// about the whole row.
func notARecord(row, columns int, d layout.Doubt) doubt {
	if d.Column >= columns {
		d.Column = -1
	}
	says := messages.New("record", messages.Text("doubt", string(d.Reason)))
	return doubt{check.CellFault{Row: row, Column: d.Column, Fault: &convert.Fault{Code: imports.NotARecord, Says: says}}, true}
}

// convertDoubtful converts a row with doubts, and returns the doubts of later rows.
func (p *pipeline) convertDoubtful(b *batch, doubts []doubt) (rest []doubt) {
	i, n := doubts[0].Row, 0
	for n < len(doubts) && doubts[n].Row == i {
		n++
	}
	for c, column := range p.sheet.columns {
		doubtful := false
		for _, d := range doubts[:n] {
			doubtful = doubtful || d.whole || d.Column == c
		}
		if doubtful {
			b.Values = append(b.Values, imports.Value{})
			continue
		}
		p.convertCell(b, i, c, column.converter)
	}
	for _, d := range doubts[:n] {
		if d.Fault != nil {
			b.Faults = append(b.Faults, d.CellFault)
		}
	}
	return doubts[n:]
}

// reason is the reason why a row is not a record.
type reason uint8

const (
	notFound reason = iota
	sumsOfRows
	differences
	belowTotal
)

func (r reason) message() messages.Message {
	switch r {
	case differences:
		return messages.New("record.differences")
	case belowTotal:
		return messages.New("record.below_total")
	default:
		return messages.New("record.sums")
	}
}
