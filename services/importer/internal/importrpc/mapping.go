package importrpc

import (
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/services/importer/internal/imports"
)

func mappingOf(list []*importsv1.SheetMapping) []imports.SheetMapping {
	out := make([]imports.SheetMapping, 0, len(list))
	for _, m := range list {
		out = append(out, imports.SheetMapping{Sheet: m.GetSheet(), WorkbookSheet: m.GetWorkbookSheet(), Columns: m.GetColumns()})
	}
	return out
}

func mappingMessages(list []imports.SheetMapping) []*importsv1.SheetMapping {
	out := make([]*importsv1.SheetMapping, 0, len(list))
	for _, m := range list {
		out = append(out, &importsv1.SheetMapping{Sheet: m.Sheet, WorkbookSheet: m.WorkbookSheet, Columns: m.Columns})
	}
	return out
}
