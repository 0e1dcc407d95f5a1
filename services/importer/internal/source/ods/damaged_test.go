package ods_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/ods"
)

func TestOtherDocumentsAreRefused(t *testing.T) {
	whole := spreadsheet(t, "", sheet(row(`<table:table-cell office:value-type="float" office:value="1"/>`)))
	broken := bytes.Clone(whole)
	broken[len(broken)/2] ^= 0x55
	for name, c := range map[string]struct {
		file []byte
		want source.Reason
	}{
		"a text document":   {pack(t, "application/vnd.oasis.opendocument.text", map[string]string{"content.xml": "<a/>"}), source.NotAWorkbook},
		"a password":        {pack(t, mediaType, map[string]string{"content.xml": "\x01\x02", "META-INF/manifest.xml": "<manifest:encryption-data/>"}), source.Encrypted},
		"a newer password":  {pack(t, mediaType, map[string]string{"encrypted-package": "\x01\x02"}), source.Encrypted},
		"no content":        {pack(t, mediaType, nil), source.Damaged},
		"no sheets":         {spreadsheet(t, "", ""), source.Damaged},
		"another root":      {pack(t, mediaType, map[string]string{"content.xml": "<a/>"}), source.Damaged},
		"a document type":   {pack(t, mediaType, map[string]string{"content.xml": `<!DOCTYPE a [<!ENTITY b "c">]><a/>`}), source.UnsupportedXML},
		"half a file":       {whole[:len(whole)/2], source.Damaged},
		"changed bytes":     {broken, source.Damaged},
		"two equal names":   {spreadsheet(t, "", sheet("")+sheet("")), source.Damaged},
		"a sheet, no name":  {spreadsheet(t, "", "<table:table/>"), source.Damaged},
		"text between rows": {spreadsheet(t, "", sheet("text")), source.Damaged},
		"text in a row":     {spreadsheet(t, "", sheet(row("text"))), source.Damaged},
		"text in a cell":    {spreadsheet(t, "", sheet(row("<table:table-cell>text</table:table-cell>"))), source.Damaged},
		"no repetition":     {spreadsheet(t, "", sheet(row(`<table:table-cell table:number-columns-repeated="0"/>`))), source.Damaged},
	} {
		_, err := read(t, c.file, "Data", source.Limits{})
		if got := source.ReasonOf(err); got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
		}
	}
}

// A few bytes of these files are many cells.
func TestRepetitionsAreLimited(t *testing.T) {
	cell := func(attrs, content string) string {
		return `<table:table-cell office:value-type="string"` + attrs + `>` + content + `</table:table-cell>`
	}
	for name, sheets := range map[string]string{
		"too many columns": sheet(row(cell(` table:number-columns-repeated="16385"`, "<text:p>x</text:p>"))),
		"too many rows":    sheet(`<table:table-row table:number-rows-repeated="1048577">` + cell("", "<text:p>x</text:p>") + `</table:table-row>`),
		"both": sheet(`<table:table-row table:number-rows-repeated="1048576">` + cell(` table:number-columns-repeated="16384"`, "<text:p>x</text:p>") +
			`</table:table-row>`),
		"a text of blanks": sheet(row(cell("", `<text:p>`+strings.Repeat(`<text:s text:c="1000000000"/>`, 40)+`</text:p>`))),
		"a row of texts":   sheet(row(strings.Repeat(cell("", `<text:p>x<text:s text:c="32000"/>x</text:p>`), 3000))),
	} {
		_, err := read(t, spreadsheet(t, "", sheets), "Data", source.Limits{})
		if source.ReasonOf(err) != source.LimitExceeded {
			t.Errorf("%s: %v", name, err)
		}
	}
	long, err := read(t, spreadsheet(t, "", sheet(row(cell("", `<text:p>x<text:s text:c="1000000000"/></text:p>`)))), "Data", source.Limits{})
	if err != nil || len(long) != 1 || !strings.HasSuffix(long[0], "…") {
		t.Errorf("a text that is too long: %d cells, %v", len(long), err)
	}
}

func TestFilesOfOfficeProgramsAreReadAsExpected(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ods")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		want, err := os.ReadFile(strings.TrimSuffix(path, ".ods") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		book, err := ods.Opener{}.Open(context.Background(), bytes.NewReader(file), int64(len(file)), source.Limits{})
		if err != nil {
			t.Fatal(path, err)
		}
		var got strings.Builder
		for _, s := range book.Sheets() {
			cells, err := read(t, file, s.Name, source.Limits{})
			if err != nil {
				t.Error(path, err)
			}
			got.WriteString("== " + s.Name + "\n" + strings.Join(cells, "\n") + "\n")
		}
		if got.String() != string(want) {
			t.Errorf("%s is read as\n%s", path, got.String())
		}
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzContent(f *testing.F) {
	f.Add(`<style:style style:name="a" style:family="table-cell" style:data-style-name="N1"/><number:number-style style:name="N1"><number:number/></number:number-style>`,
		sheet(row(`<table:table-cell office:value-type="time" office:time-value="PT1H" table:style-name="a"><text:p>x<text:s text:c="2"/></text:p></table:table-cell>`)))
	f.Add("", sheet(`<table:table-column table:number-columns-repeated="3"/><table:table-row table:number-rows-repeated="3"><table:table-cell office:value-type="float" office:value="1e5" table:number-columns-spanned="2"/></table:table-row>`))
	f.Fuzz(func(t *testing.T, styles, sheets string) {
		cells, err := read(t, spreadsheet(t, styles, sheets), "Data", source.Limits{MaxRows: 1000, MaxColumns: 100})
		if err != nil && source.ReasonOf(err) == "" {
			t.Fatal(err)
		}
		if len(cells) > 100_000 {
			t.Fatalf("%d cells", len(cells))
		}
	})
}
