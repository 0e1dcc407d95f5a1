package xlsx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

func TestFilesThatAreNotWorkbooksAreNamed(t *testing.T) {
	for name, want := range map[string]string{
		"~$good.xlsx": "Excel creates while a workbook is open", "._good.xlsx": "hidden file of macOS", "Staff.gsheet": "File › Download",
		"login.xlsx": "sign-in", "error.xlsx": "it is JSON", "table.xls": "Save As", "web.xls": "Save As", "data.csv.xlsx": "CSV",
		"utf16.xlsx": "CSV", "n.numbers": "Export To", "word.xlsx": "Word", "export.zip": "zip archive",
	} {
		data, err := os.ReadFile(filepath.Join("../../../testdata/cases/08-not-a-workbook", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openBytes(t, data, source.Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		`[{"code": 1}]`: "it is JSON", `{"url": "https://docs.google.com/open?id=1"}`: "Google spreadsheet", "<!-- a --><!-- b -->\n<html>": "web page",
		"[\n  {\"code\": 1}\n]": "it is JSON", "[\"a\", \"b\"]": "CSV", `{\rtf1\ansi Hello}`: "rich text",
		`<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Table/></Workbook>`:                                          "XML Spreadsheet 2003",
		`<?xml version="1.0"?><office:document office:mimetype="application/vnd.oasis.opendocument.spreadsheet"/>`:                    "ODF Spreadsheet",
		"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00staff.csv": "archive is damaged",
		"Subject: x\nname;city": "CSV", "[draft]\nname;city": "CSV",
	} {
		if _, err := openBytes(t, []byte(text), source.Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
