package convert_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
	rules "headway/services/importer/internal/text"
)

// thousandsOrDecimals are the numbers that one language reads as thousands and another as decimals.
var thousandsOrDecimals = regexp.MustCompile(`^-?[1-9][0-9]{0,2}[.,][0-9]{3}$`)

// dayOrMonth are the dates whose day and month can be exchanged.
var dayOrMonth = regexp.MustCompile(`^(0?[1-9]|1[0-2])[./-](0?[1-9]|1[0-2])[./-][0-9]{4}$`)

// FuzzConvert converts texts, numbers, and dates to every type. The plain text of an accepted value is accepted too,
// with the same value. A text with two readings is never accepted.
func FuzzConvert(f *testing.F) {
	kinds := []string{"General", "0", "00000", `"EMP-"0000`, "0%", "yyyy-mm-dd", "h:mm", "[h]:mm", "yyyy-mm-dd h:mm", "#,##0.00",
		`[<=9999999]###\-####;\(###\)\ ###\-####`}
	for i, r := range readTable(f) {
		cell := tableCell(f, r.cell)
		format := uint8(0)
		for n, code := range kinds {
			if cell.Format.Code == code {
				format = uint8(n)
			}
		}
		if cell.Kind != source.Text || i%5 == 0 {
			f.Add(string(cell.Text), cell.Kind != source.Text, format, kinds[0])
		}
	}
	f.Add("5", true, uint8(11), `0" Stk";(0);"-"`)
	columns := map[schema.Type]*convert.Column{}
	for typ, spec := range specs {
		c, err := convert.Compile(spec)
		if err != nil {
			f.Fatal(err)
		}
		columns[typ] = c
	}
	book := &xlsx.Workbook{}
	f.Fuzz(func(t *testing.T, content string, number bool, format uint8, custom string) {
		if !utf8.ValidString(content) || !utf8.ValidString(custom) {
			return
		}
		code := custom
		if int(format) < len(kinds) {
			code = kinds[format]
		}
		cell := source.Cell{Kind: source.Text, Text: []byte(content), Format: &source.NumberFormat{Code: code}}
		if number {
			if !regexp.MustCompile(`^(0|-?[1-9][0-9]{0,20}|-?(0|[1-9][0-9]{0,14})\.[0-9]{0,14}[1-9])$`).MatchString(content) {
				return // can't be the text of a number cell
			}
			cell.Kind = source.Number
			if cell.Format.Kind = classOf(code); cell.Format.Kind != source.Plain {
				cell.Kind = source.Date
			}
		}
		for typ, c := range columns {
			v, _, fault := c.Convert(&cell, book, nil)
			if string(cell.Text) != content {
				t.Fatalf("%s: the cell %q was changed to %q", typ, content, cell.Text)
			}
			if fault != nil && !fault.Normalized() {
				if fault.Message() == "" || fault.Code == 0 || !utf8.ValidString(fault.Message()) {
					t.Fatalf("%s %q: the issue is %+v", typ, content, fault)
				}
				continue
			}
			if fault != nil {
				_ = c.Explain(&cell, book, v)
			}
			if v.Kind == imports.Null {
				if !source.Blank(&cell) && cell.Kind != source.Date {
					t.Fatalf("%s %q is empty", typ, content)
				}
				continue
			}
			checkAccepted(t, c, typ, &cell, v)
		}
	})
}

func checkAccepted(t *testing.T, c *convert.Column, typ schema.Type, cell *source.Cell, v imports.Value) {
	t.Helper()
	value := v.Append(nil)
	if typ == schema.DateTime {
		value[10] = 'T'
	}
	plain := source.Cell{Kind: source.Text, Text: value, Format: general}
	if (typ == schema.Decimal || typ == schema.Integer) && thousandsOrDecimals.Match(value) {
		plain.Kind = source.Number // as text it is ambiguous
	}
	again, _, fault := c.Convert(&plain, &xlsx.Workbook{}, nil)
	switch {
	case fault != nil && fault.Code == imports.PrecisionLost && plain.Kind == source.Number:
	case fault != nil && fault.Code == imports.AmbiguousDate && cell.Kind == source.Date: // as text, it can be a year of another calendar
	case fault != nil || string(again.Append(nil)) != string(v.Append(nil)):
		t.Fatalf("%s %q becomes %q, and that becomes %q (%+v)", typ, cell.Text, value, again.Append(nil), fault)
	}
	if v.Kind == imports.Text && rules.CleanString(string(v.Bytes)) != string(v.Bytes) {
		t.Fatalf("%s %q becomes %q, which is not clean", typ, cell.Text, v.Bytes)
	}
	if cell.Kind != source.Text {
		return
	}
	s := strings.TrimSpace(rules.CleanString(string(cell.Text)))
	switch typ {
	case schema.Decimal, schema.Integer:
		if thousandsOrDecimals.MatchString(s) || strings.ContainsAny(s, "%‰€$£") && string(value) != "0" {
			t.Fatalf("%s %q has several readings and becomes %q", typ, cell.Text, value)
		}
	case schema.Date, schema.DateTime:
		if p := dayOrMonth.FindStringSubmatch(s); p != nil && strings.TrimLeft(p[1], "0") != strings.TrimLeft(p[2], "0") {
			t.Fatalf("%s %q has two readings and becomes %q", typ, cell.Text, value)
		}
	}
}
