package load

import (
	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
)

// layoutColumns describes the imported columns for the layout.
func (s *sheet) layoutColumns() []layout.Column {
	columns := make([]layout.Column, len(s.inFile()), len(s.inFile())+len(s.others))
	for i, c := range s.inFile() {
		titles := append([]string{c.Spec.Title, c.Spec.Name, c.header}, c.Spec.Aliases...)
		columns[i] = layout.Column{Cell: c.Cell, Titles: titles, Key: c.key}
	}
	return append(columns, s.others...)
}

// notices returns the notices about the sheet.
func (s *sheet) notices() []imports.Notice {
	p := s.pipeline
	if p.layout == nil {
		return nil
	}
	n := noticeList{sheet: s.spec.Name, name: s.listed.WorkbookSheet}
	totals, headers, fillers := p.layout.OfKind(layout.Totals), p.layout.OfKind(layout.Header), p.layout.OfKind(layout.Filler)
	otherTable, belowTable, sparse := p.layout.OtherTable(), p.layout.BelowTable(), p.layout.Sparse()
	n.rows(imports.RepeatedRows, s.repeated, messages.New("notice.repeated_rows", n.in(), count(s.repeated), which(s.repeated), messages.Text("title", s.spec.Title)))
	n.rows(imports.TotalsLeftOut, totals, messages.New("notice.totals_left_out", n.in(), count(totals), which(totals)))
	n.rows(imports.HeadersLeftOut, headers, messages.New("notice.headers_left_out", n.in(), count(headers), which(headers)))
	n.rows(imports.FillersLeftOut, fillers, messages.New("notice.fillers_left_out", n.in(), count(fillers), which(fillers)))
	n.rows(imports.HiddenRows, p.hidden, messages.New("notice.hidden_rows", n.in(), count(p.hidden), which(p.hidden)))
	n.hiddenColumns(s)
	n.merges(s.run.merges[s.spec.Name])
	n.rows(imports.OtherTable, otherTable, messages.New("notice.other_table", n.in(), count(otherTable), which(otherTable)))
	n.rows(imports.BelowTable, belowTable, messages.New("notice.below_table", n.in(), count(belowTable), which(belowTable)))
	n.rows(imports.SparseRows, sparse, messages.New("notice.sparse_rows", n.in(), count(sparse), which(sparse)))
	if s.totals != nil {
		s.totals.endBlock()
		unclear := s.totals.unclear
		n.rows(imports.SumRows, unclear, messages.New("notice.sum_rows", n.in(), count(unclear), which(unclear)))
	}
	n.added(s)
	return n.list
}

// noticeList collects the notices of a sheet.
type noticeList struct {
	sheet, name string
	list        []imports.Notice
}

func (n *noticeList) add(reason string, count uint32, ranges []string, says messages.Message) {
	notice := imports.NewNotice(reason, says)
	notice.Sheet, notice.Count, notice.Ranges = n.sheet, count, ranges
	n.list = append(n.list, notice)
}

// in is the parameter with the name of the sheet.
func (n *noticeList) in() messages.Parameter { return messages.Text("sheet", n.name) }

// count is the parameter with a number of rows.
func count(rows layout.Rows) messages.Parameter { return messages.Count("count", rows.Count) }

// which is the parameter with the numbers of the first rows.
func which(rows layout.Rows) messages.Parameter {
	return messages.List("rows", messages.And, some(messages.Numbers(rows.First...), rows.Count)...)
}

// rows adds a notice about rows, if there are any.
func (n *noticeList) rows(reason string, rows layout.Rows, says messages.Message) {
	if rows.Count == 0 {
		return
	}
	n.add(reason, rows.Count, rows.Ranges(), says)
}

// some returns the first of n values, with the number of the others: "2, 3, 7, and 12 more".
func some(values []messages.Value, n uint32) []messages.Value {
	const listed = 5
	return messages.First(values, int(n), listed)
}

func (n *noticeList) hiddenColumns(s *sheet) {
	var ranges []string
	var titles []messages.Value
	count := uint32(0)
	for _, c := range s.inFile() {
		if !source.HiddenColumn(s.pipeline.rows, c.Cell) {
			continue
		}
		if count++; len(ranges) < imports.MaxNoticeRanges {
			letters := source.ColumnName(c.Cell)
			ranges = append(ranges, letters+":"+letters)
			titles = append(titles, messages.Of(messages.New("notice.hidden_column", messages.Text("column", c.Spec.Title), messages.Text("letters", letters))))
		}
	}
	if count > 0 {
		n.add(imports.HiddenColumns, count, ranges, messages.New("notice.hidden_columns", n.in(), messages.Count("count", count),
			messages.List("columns", messages.And, some(titles, count)...)))
	}
}

func (n *noticeList) added(s *sheet) {
	added := s.table.Added()
	if len(added) == 0 {
		return
	}
	count := uint32(len(added))
	n.add(imports.ColumnsAdded, count, nil, messages.New("notice.columns_added", n.in(), messages.Text("table", s.spec.Table),
		messages.Count("count", count), messages.List("columns", messages.And, some(messages.Texts(added...), count)...)))
}

func (n *noticeList) merges(merges []source.Range) {
	if len(merges) == 0 {
		return
	}
	var ranges []string
	for _, r := range merges[:min(len(merges), imports.MaxNoticeRanges)] {
		ranges = append(ranges, r.String())
	}
	count := uint32(len(merges))
	n.add(imports.MergesApplied, count, ranges, messages.New("notice.merged_cells", n.in(),
		messages.List("ranges", messages.And, some(messages.Texts(ranges...), count)...)))
}
