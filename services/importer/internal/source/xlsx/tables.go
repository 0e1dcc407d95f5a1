package xlsx

import (
	"context"
	"maps"
	"slices"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// maxTables is the maximum number of tables of a sheet that are read. Others have no effect.
const maxTables = 256

// Tables returns the tables of a sheet (ECMA-376 Part 1 §18.5.1.2). It ignores missing and damaged parts, because the
// rows of the sheet are complete without them.
func (w *Workbook) Tables(ctx context.Context, sheet string) ([]source.Table, error) {
	w.loading.Lock()
	defer w.loading.Unlock()
	at := slices.IndexFunc(w.sheets, func(s source.Sheet) bool { return s.Name == sheet })
	if at < 0 || w.parts[at] == "" {
		return nil, nil
	}
	rels, err := w.pack.relationships(ctx, w.parts[at])
	if err != nil {
		return nil, unlessDamaged(err)
	}
	var tables []source.Table
	for _, id := range slices.Sorted(maps.Keys(rels)) {
		rel := rels[id]
		e := w.pack.Find(rel.target)
		if rel.kind != "table" || rel.external || e == nil || len(tables) == maxTables {
			continue
		}
		table, ok, err := w.pack.readTable(ctx, e)
		if unlessDamaged(err) != nil {
			return nil, err
		}
		if ok && err == nil {
			tables = append(tables, table)
		}
	}
	return tables, nil
}

func (p *pack) readTable(ctx context.Context, e *zipxml.Part) (table source.Table, ok bool, err error) {
	err = p.Each(ctx, e, func(x *zipxml.Scanner) error {
		if x.Depth() != 1 || !x.Is("table") {
			return nil
		}
		table.Range, ok = parseRange(x.Attr("ref"))
		table.HeaderRows, table.TotalsRows = 1, 0
		if n, known := cellvalue.ParseInt(x.Attr("headerRowCount"), maxRow); known {
			table.HeaderRows = int32(n)
		}
		if n, known := cellvalue.ParseInt(x.Attr("totalsRowCount"), maxRow); known {
			table.TotalsRows = int32(n)
		}
		return nil
	})
	return table, ok, err
}

// unlessDamaged returns the error. It returns nil if the error only means that a part is damaged.
func unlessDamaged(err error) error {
	switch source.ReasonOf(err) {
	case source.Damaged, source.UnsupportedXML, source.Encrypted:
		return nil
	}
	return err
}
