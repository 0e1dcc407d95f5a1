package source_test

import (
	"strings"
	"testing"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

var reasons = []source.Reason{
	source.NotAWorkbook, source.Encrypted, source.LegacyWorkbook, source.BinaryWorkbook, source.OpenDocument, source.TextFile, source.EmptyFile,
	source.Damaged, source.LimitExceeded, source.UnsupportedXML, source.SheetNotFound, source.ArchiveUnsuitable, source.ArchiveDamaged,
}

func TestReasonsHaveDifferentTexts(t *testing.T) {
	seen := map[string]source.Reason{}
	for _, reason := range reasons {
		e := &source.Error{Reason: reason}
		text := e.Error()
		if other, ok := seen[text]; ok {
			t.Errorf("%s has the text of %s: %s", reason, other, text)
		}
		seen[text] = reason
		if says := e.Says().English(); says != text {
			t.Errorf("%s is %q, and says %q", reason, text, says)
		}
	}
}

func TestErrorsNameCauseAndPosition(t *testing.T) {
	for want, e := range map[string]*source.Error{
		"The workbook is damaged: a tag is malformed (sheet “Staff”, cell D7). Open": {Reason: source.Damaged, Sheet: "Staff", Cell: "D7", Where: "xl/a.xml", Message: "a tag is malformed"},
		"The workbook is damaged: a tag is malformed (sheet “Staff”, xl/a.xml). O":   {Reason: source.Damaged, Sheet: "Staff", Where: "xl/a.xml", Message: "a tag is malformed"},
		"The workbook is damaged (xl/a.xml). Open":                                   {Reason: source.Damaged, Where: "xl/a.xml"},
		"a text file with columns (CSV): it is a PDF. Choose":                        source.Refuse(source.NotAWorkbook, messages.New("file.pdf")),
	} {
		if got := e.Error(); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	e := source.Error{Reason: source.Damaged, Sheet: "Staff", Cell: "D7", Message: "a tag is malformed"}
	if got := e.Says().English(); !strings.HasPrefix(got, "The workbook is damaged (sheet “Staff”, cell D7). Open") {
		t.Errorf("a cause without a message says %q", got)
	}
}
