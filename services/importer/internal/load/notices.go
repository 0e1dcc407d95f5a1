package load

import (
	"fmt"
	"strings"

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

// notices returns what the user should know about the sheet.
func (s *sheet) notices() []imports.Notice {
	p := s.pipeline
	if p.layout == nil {
		return nil
	}
	n := noticeList{sheet: s.spec.Name, name: s.listed.WorkbookSheet}
	n.rows(imports.RepeatedRows, s.repeated, "%s %s equal to an earlier one in the columns of "+s.spec.Title+": %s. Equal rows are imported once.")
	n.rows(imports.TotalsLeftOut, p.layout.OfKind(layout.Totals), "%s with totals %s left out: %s.")
	n.rows(imports.HeadersLeftOut, p.layout.OfKind(layout.Header), "%s with repeated headers %s left out: %s.")
	n.rows(imports.FillersLeftOut, p.layout.OfKind(layout.Filler), "%s with only empty checkboxes and formulas %s left out: %s.")
	n.rows(imports.HiddenRows, p.hidden, "%s %s hidden in the file, for example by a filter: %s. Hidden rows are imported too.")
	n.hiddenColumns(s)
	n.merges(s.run.merges[s.spec.Name])
	n.rows(imports.OtherTable, p.layout.OtherTable(), "%s %s in another table of the sheet: %s. Check that they are records.")
	n.rows(imports.BelowTable, p.layout.BelowTable(), "%s %s below the table of the sheet: %s. Check that they are records.")
	n.rows(imports.SparseRows, p.layout.Sparse(), "%s %s a value in one column only: %s. Check that they are records.")
	if s.totals != nil {
		s.totals.endBlock()
		n.rows(imports.SumRows, s.totals.unclear, "%s %s numbers that are the sums of the rows above: %s. Check that they are records.")
	}
	n.added(s)
	return n.list
}

// noticeList collects the notices of a sheet.
type noticeList struct {
	sheet, name string
	list        []imports.Notice
}

func (n *noticeList) add(reason string, count uint32, ranges []string, message string) {
	n.list = append(n.list, imports.Notice{Reason: reason, Message: "Sheet “" + n.name + "”: " + message, Sheet: n.sheet, Count: count, Ranges: ranges})
}

// rows adds a notice about rows. The format has the number of rows, a verb, and the first rows.
func (n *noticeList) rows(reason string, rows layout.Rows, format string) {
	if rows.Count == 0 {
		return
	}
	ranges, numbers := make([]string, len(rows.First)), make([]string, len(rows.First))
	for i, row := range rows.First {
		numbers[i] = fmt.Sprint(row)
		ranges[i] = numbers[i] + ":" + numbers[i]
	}
	which := "row " + numbers[0]
	verb := map[bool]string{true: "is", false: "are"}[rows.Count == 1]
	switch reason {
	case imports.TotalsLeftOut, imports.HeadersLeftOut, imports.FillersLeftOut:
		verb = map[bool]string{true: "was", false: "were"}[rows.Count == 1]
	case imports.SparseRows, imports.SumRows:
		verb = map[bool]string{true: "has", false: "have"}[rows.Count == 1]
	}
	if rows.Count > 1 {
		which = "rows " + enumerate(numbers, rows.Count)
	}
	n.add(reason, rows.Count, ranges, fmt.Sprintf(format, imports.Rows(rows.Count), verb, which))
}

// enumerate lists some of n names: "2, 3 and 7", or "2, 3, 7 and 12 more".
func enumerate(names []string, n uint32) string {
	const listed = 5
	if len(names) > listed {
		names = names[:listed]
	}
	if more := int(n) - len(names); more > 0 {
		return strings.Join(names, ", ") + " and " + imports.Grouped(uint32(more)) + " more"
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (n *noticeList) hiddenColumns(s *sheet) {
	var ranges, titles []string
	count := uint32(0)
	for _, c := range s.inFile() {
		if !source.HiddenColumn(s.pipeline.rows, c.Cell) {
			continue
		}
		if count++; len(ranges) < imports.MaxNoticeRanges {
			letters := source.ColumnName(c.Cell)
			ranges = append(ranges, letters+":"+letters)
			titles = append(titles, fmt.Sprintf("“%s” (%s)", c.Spec.Title, letters))
		}
	}
	switch {
	case count == 1:
		n.add(imports.HiddenColumns, 1, ranges, fmt.Sprintf("the column %s is hidden in the file. Hidden columns are imported too.", titles[0]))
	case count > 1:
		n.add(imports.HiddenColumns, count, ranges, fmt.Sprintf("%d columns are hidden in the file: %s. Hidden columns are imported too.", count, enumerate(titles, count)))
	}
}

func (n *noticeList) added(s *sheet) {
	added := s.table.Added()
	if len(added) == 0 {
		return
	}
	noun := "column"
	if len(added) > 1 {
		noun = "columns"
	}
	n.add(imports.ColumnsAdded, uint32(len(added)), nil, fmt.Sprintf("the table “%s” gets the %s %s, without values in the rows that this file does not change. If the table has them under another name, name it in the schema.",
		s.spec.Table, noun, enumerate(added, uint32(len(added)))))
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
	n.add(imports.MergesApplied, count, ranges, fmt.Sprintf("cells are merged: %s. A value that is merged over several rows counts for each of these rows.", enumerate(ranges, count)))
}
