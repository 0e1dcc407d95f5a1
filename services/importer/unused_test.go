package importer_test

import (
	"errors"
	"testing"

	"github.com/xuri/excelize/v2"

	importsv1 "headway/gen/go/headway/imports/v1"
)

func TestUnusedSheetsAndColumnsAreListed(t *testing.T) {
	w, _ := setupShop(t)
	file := shopBook(t, func(f *excelize.File) error {
		_, notes := f.NewSheet("Notes")
		_, lists := f.NewSheet("Lists")
		return errors.Join(notes, lists, f.SetSheetVisible("Lists", false), f.SetCellStr("Items", "D1", "Remark"))
	}, []any{"a", 1}, []any{"b", 11})
	check := func(when string, im *importsv1.Import) {
		t.Helper()
		sheets := im.GetUnusedSheets()
		if len(sheets) != 2 || sheets[0].GetName() != "Notes" || sheets[0].GetHidden() || sheets[1].GetName() != "Lists" || !sheets[1].GetHidden() {
			t.Errorf("%s, the unused sheets are %v", when, sheets)
		}
		columns := im.GetSheets()[0].GetUnusedColumns()
		if len(columns) != 1 || columns[0].GetColumn() != 4 || columns[0].GetHeader() != "Remark" {
			t.Errorf("%s, the unused columns are %v", when, columns)
		}
	}
	accepted := w.accepted(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	check("in the answer to the upload", accepted)
	ended := w.watch(accepted.GetImportId())
	check("at the end", ended)
	counts := ended.GetSheets()[0].GetIssueCounts()
	if len(counts) != 2 || counts[0].GetCode() != importsv1.IssueCode_ISSUE_CODE_RANGE || counts[0].GetFound() != 1 ||
		counts[1].GetCode() != importsv1.IssueCode_ISSUE_CODE_COLUMN_IGNORED || counts[1].GetSeverity() != importsv1.IssueSeverity_ISSUE_SEVERITY_WARNING {
		t.Errorf("the issue counts are %v", counts)
	}
}
