package ods_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/ods"
)

const spaces = ` xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"` +
	` xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"` +
	` xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"` +
	` xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"`

const mediaType = "application/vnd.oasis.opendocument.spreadsheet"

// spreadsheet packs a spreadsheet with these sheets, as XML, and styles.
func spreadsheet(t testing.TB, styles, sheets string) []byte {
	t.Helper()
	return pack(t, mediaType, map[string]string{"content.xml": `<?xml version="1.0" encoding="UTF-8"?><office:document-content` + spaces + `>` +
		`<office:automatic-styles>` + styles + `</office:automatic-styles><office:body><office:spreadsheet>` + sheets +
		`</office:spreadsheet></office:body></office:document-content>`})
}

func pack(t testing.TB, media string, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	stored, err := z.CreateHeader(&zip.FileHeader{Name: "mimetype", Method: zip.Store})
	if err == nil {
		_, err = stored.Write([]byte(media))
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range parts {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read returns the cells of a sheet, such as "B2 number 7 [0.00]".
func read(t testing.TB, file []byte, sheet string, limits source.Limits) (cells []string, err error) {
	t.Helper()
	book, err := ods.Opener{}.Open(context.Background(), bytes.NewReader(file), int64(len(file)), limits)
	if err != nil {
		return nil, err
	}
	defer book.Close()
	rows, err := book.Rows(context.Background(), sheet)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := rows.Row()
		for i := range row.Cells {
			c := &row.Cells[i]
			text := string(c.Text)
			if c.Kind == source.Date {
				civil, err := book.Civil(c)
				if text = civil.String(); err != nil {
					text = err.Error()
				}
			}
			line := fmt.Sprintf("%s %s %s", source.CellName(c.Col, row.Number), c.Kind, text)
			if c.Format.Code != "General" {
				line += " [" + c.Format.Code + "]"
			}
			if c.HasFormula {
				line += " formula"
			}
			if row.Hidden {
				line += " hidden"
			}
			cells = append(cells, line)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return cells, rows.Close()
}

func wantCells(t *testing.T, styles, sheets string, want ...string) {
	t.Helper()
	got, err := read(t, spreadsheet(t, styles, sheets), "Data", source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\n\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func sheet(rows string) string {
	return `<table:table table:name="Data">` + rows + `</table:table>`
}

func row(cells string) string { return `<table:table-row>` + cells + `</table:table-row>` }

func TestValuesAreReadByTheirType(t *testing.T) {
	wantCells(t, `<style:style style:name="zeros" style:family="table-cell" style:data-style-name="N1"/>`+
		`<number:number-style style:name="N1"><number:number number:min-integer-digits="5" number:decimal-places="0"/></number:number-style>`+
		`<style:style style:name="day" style:family="table-cell" style:data-style-name="N2"/>`+
		`<number:date-style style:name="N2"><number:day number:style="long"/><number:text>.</number:text><number:month/><number:text>.</number:text><number:year number:style="long"/></number:date-style>`+
		`<style:style style:name="child" style:family="table-cell" style:parent-style-name="zeros"/>`,
		sheet(row(
			`<table:table-cell office:value-type="float" office:value="7.50"><text:p>7,50 €</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="float" office:value="1234" table:style-name="child"><text:p>01234</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="percentage" office:value="0.19"><text:p>19%</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="currency" office:currency="EUR" office:value="1E3"><text:p>1.000 €</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="date" office:date-value="2024-02-29" table:style-name="day"><text:p>29.2.2024</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="date" office:date-value="2024-02-29T08:30:00"><text:p>x</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="time" office:time-value="PT08H30M15S"><text:p>x</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="boolean" office:boolean-value="true"><text:p>WAHR</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="string" office:string-value="as stored"><text:p>as shown</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="string" calcext:value-type="error" office:string-value="" table:formula="of:=1/0"><text:p>#DIV/0!</text:p></table:table-cell>`+
				`<table:table-cell office:value-type="float" office:value="0" table:formula="of:=NA()"><text:p>#N/A</text:p></table:table-cell>`+
				`<table:table-cell table:formula="of:=A1"/>`+
				`<table:table-cell office:value-type="float" office:value="3" table:formula="of:=1+2"><text:p>3</text:p></table:table-cell>`)),
		"A1 number 7.5", "B1 number 1234 [00000]", "C1 number 0.19 [0.00%]", "D1 number 1000", `E1 date 2024-02-29 [dd"."m"."yyyy]`,
		"F1 date 2024-02-29T08:30:00 [yyyy-mm-dd hh:mm:ss]", "G1 date 08:30:15 [hh:mm:ss]", "H1 boolean TRUE", "I1 text as stored",
		"J1 error #DIV/0! formula", "K1 error #N/A formula", "L1 formula-without-value  formula", "M1 number 3 formula")
}

func TestTextIsAsShownInTheCell(t *testing.T) {
	for in, want := range map[string]string{
		`<text:p>one</text:p><text:p>two</text:p>`:                                                                      "one\ntwo",
		`<text:p>  a   b<text:s text:c="3"/>c<text:tab/>d<text:line-break/>e </text:p>`:                                 "a b   c\td\ne",
		`<text:p>a<text:s/></text:p>`:                                                                                   "a ",
		`<text:p>bo<text:span>ld</text:span> <text:a>link</text:a></text:p>`:                                            "bold link",
		`<office:annotation><text:p>a note</text:p></office:annotation><text:p>text</text:p>`:                           "text",
		`<text:p>a<text:note><text:note-body><text:p>foot</text:p></text:note-body></text:note>b</text:p>`:              "ab",
		`<text:p>x &amp; <![CDATA[<y>]]></text:p>`:                                                                      "x & <y>",
		`<text:p><text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>かん</text:ruby-text></text:ruby></text:p>`: "漢",
	} {
		got, err := read(t, spreadsheet(t, "", sheet(row(`<table:table-cell office:value-type="string">`+in+`</table:table-cell>`))), "Data", source.Limits{})
		if err != nil || len(got) != 1 || got[0] != "A1 text "+want {
			t.Errorf("%s is %q, %v, want %q", in, got, err, want)
		}
	}
}

// TestObjectsInCellsAreNamed has a picture over an empty cell and one over a cell with a number. Both are ignored, as in workbooks of Excel.
func TestObjectsInCellsAreNamed(t *testing.T) {
	wantCells(t, "", sheet(row(`<table:table-cell><draw:frame><draw:image/></draw:frame></table:table-cell>`+
		`<table:table-cell><table:table table:name="inner">`+row(`<table:table-cell office:value-type="float" office:value="1"/>`)+`</table:table></table:table-cell>`+
		`<table:table-cell office:value-type="float" office:value="2"><draw:frame/><text:p>2</text:p></table:table-cell>`)),
		"B1 object a table", "C1 number 2")
}

func TestRepeatedCellsAndRowsAreReturned(t *testing.T) {
	value := func(v, attrs string) string {
		return `<table:table-cell office:value-type="float" office:value="` + v + `"` + attrs + `><text:p>` + v + `</text:p></table:table-cell>`
	}
	wantCells(t, "", sheet(`<table:table-column table:number-columns-repeated="16384"/>`+
		`<table:table-header-rows>`+row(value("1", ` table:number-columns-repeated="2"`)+`<table:table-cell table:number-columns-repeated="3"/>`+value("2", ""))+`</table:table-header-rows>`+
		`<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>`+
		`<table:table-row-group><table:table-row table:number-rows-repeated="2" table:visibility="filter">`+value("3", "")+`</table:table-row></table:table-row-group>`+
		`<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>`),
		"A1 number 1", "B1 number 1", "F1 number 2", "A4 number 3 hidden", "A5 number 3 hidden")
}

func TestOtherTablesAreNotSheets(t *testing.T) {
	file := spreadsheet(t, `<style:style style:name="off" style:family="table"><style:table-properties table:display="false"/></style:style>`,
		`<table:tracked-changes><table:cell-content-change><table:previous><table:change-track-table-cell office:value-type="float" office:value="9"/></table:previous></table:cell-content-change></table:tracked-changes>`+
			sheet(`<table:shapes><draw:frame><table:table table:name="in a shape"/></draw:frame></table:shapes>`+row(`<table:table-cell office:value-type="float" office:value="1"/>`))+
			`<table:table table:name="Hidden" table:style-name="off"><table:table-row/></table:table>`+
			`<table:dde-links><table:dde-link><table:table table:name="of another file">`+row(`<table:table-cell office:value-type="float" office:value="5"/>`)+`</table:table></table:dde-link></table:dde-links>`)
	book, err := ods.Opener{}.Open(context.Background(), bytes.NewReader(file), int64(len(file)), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	var names []string
	for _, s := range book.Sheets() {
		names = append(names, s.Name+" "+s.State.String())
	}
	if got := strings.Join(names, ", "); got != "Data visible, Hidden hidden" {
		t.Errorf("the sheets are %q", got)
	}
	wantCells(t, "", sheet(row(`<table:table-cell office:value-type="float" office:value="1"/>`)), "A1 number 1")
}

func TestMergesAndHiddenColumnsAreReported(t *testing.T) {
	file := spreadsheet(t, "", sheet(`<table:table-column/><table:table-column table:visibility="collapse" table:number-columns-repeated="2"/>`+
		row(`<table:table-cell office:value-type="string" table:number-columns-spanned="2" table:number-rows-spanned="3"><text:p>x</text:p></table:table-cell><table:covered-table-cell/>`)))
	book, err := ods.Opener{}.Open(context.Background(), bytes.NewReader(file), int64(len(file)), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	ranges, err := source.Merges(context.Background(), book, "Data", func(source.Range) bool { return true })
	if err != nil || fmt.Sprint(ranges) != "[A1:B3]" {
		t.Errorf("the merged ranges are %v, %v", ranges, err)
	}
	rows, err := book.Rows(context.Background(), "Data")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	rows.Next()
	var hidden []bool
	for col := 1; col <= 4; col++ {
		hidden = append(hidden, source.HiddenColumn(rows, col))
	}
	if fmt.Sprint(hidden) != "[false true true false]" {
		t.Errorf("columns are hidden: %v", hidden)
	}
}

func TestCellsWithoutStyleUseColumnStyle(t *testing.T) {
	wantCells(t, `<style:style style:name="zeros" style:family="table-cell" style:data-style-name="N1"/>`+
		`<number:number-style style:name="N1"><number:number number:min-integer-digits="3"/></number:number-style>`+
		`<style:style style:name="euro" style:family="table-cell" style:data-style-name="N3"/>`+
		`<number:currency-style style:name="N3P0"><number:number number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"/><number:text> </number:text><number:currency-symbol>€</number:currency-symbol></number:currency-style>`+
		`<number:currency-style style:name="N3"><number:text>-</number:text><number:number number:decimal-places="2"/><style:map style:condition="value()&gt;=0" style:apply-style-name="N3P0"/></number:currency-style>`,
		sheet(`<table:table-column table:default-cell-style-name="zeros"/><table:table-column table:default-cell-style-name="euro"/>`+
			row(`<table:table-cell office:value-type="float" office:value="7"/><table:table-cell office:value-type="currency" office:value="8"/>`)),
		"A1 number 7 [000]", `B1 number 8 [#,##0.00" ""€"]`)
}
