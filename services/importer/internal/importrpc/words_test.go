package importrpc

import (
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

func TestDomainAndProtoHaveSameNumbers(t *testing.T) {
	codes := imports.IssueCodes()
	if len(codes) != len(importsv1.IssueCode_name)-1 {
		t.Errorf("the domain has %d codes, the contract %d", len(codes), len(importsv1.IssueCode_name)-1)
	}
	for _, c := range codes {
		if got := importsv1.IssueCode(c).String(); got != "ISSUE_CODE_"+c.String() {
			t.Errorf("%v is %s in the contract", c, got)
		}
	}
	for ours, theirs := range map[uint8]importsv1.OnIssues{
		uint8(imports.Abort): importsv1.OnIssues_ON_ISSUES_ABORT, uint8(imports.SkipRows): importsv1.OnIssues_ON_ISSUES_SKIP_ROWS,
		uint8(imports.Review): importsv1.OnIssues_ON_ISSUES_REVIEW,
	} {
		if ours != uint8(theirs) {
			t.Errorf("policy %d is %v in the contract", ours, theirs)
		}
	}
	for ours, theirs := range map[uint8]importsv1.ImportMode{
		uint8(imports.Upsert): importsv1.ImportMode_IMPORT_MODE_UPSERT, uint8(imports.InsertOnly): importsv1.ImportMode_IMPORT_MODE_INSERT_ONLY,
		uint8(imports.UpdateOnly): importsv1.ImportMode_IMPORT_MODE_UPDATE_ONLY,
	} {
		if ours != uint8(theirs) {
			t.Errorf("mode %d is %v in the contract", ours, theirs)
		}
	}
	if uint8(imports.Error) != uint8(importsv1.IssueSeverity_ISSUE_SEVERITY_ERROR) || uint8(imports.Warning) != uint8(importsv1.IssueSeverity_ISSUE_SEVERITY_WARNING) {
		t.Error("the severities differ")
	}
	for _, typ := range []schema.Type{schema.Text, schema.Integer, schema.Decimal, schema.Boolean, schema.Date, schema.Time, schema.DateTime, schema.Email, schema.Phone, schema.Enum} {
		if columnTypes[typ] == importsv1.ColumnType_COLUMN_TYPE_UNSPECIFIED {
			t.Errorf("the type %s has no word in the contract", typ)
		}
	}
}

func TestReaderErrorsHaveReasons(t *testing.T) {
	for _, reason := range []source.Reason{source.NotAWorkbook, source.Encrypted, source.LegacyWorkbook, source.BinaryWorkbook, source.OpenDocument,
		source.TextFile, source.EmptyFile, source.Damaged, source.LimitExceeded, source.UnsupportedXML, source.SheetNotFound} {
		if got := rpcerr.Word(workbookReason(reason)); got != string(reason) {
			t.Errorf("%s becomes %s", reason, got)
		}
	}
}

func TestCountersRoundTrip(t *testing.T) {
	want := imports.Counts{Read: 1, Inserted: 2, Updated: 3, Unchanged: 4, Rejected: 5, Blocked: 6, Skipped: 7, Issues: 8, Warnings: 9}
	if got := imports.CountsOf(imports.CountersOf(want)); got != want {
		t.Errorf("got %+v", got)
	}
}
