package convert_test

import (
	"testing"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

// BenchmarkConvert measures one cell of each type in its plain form, as in large workbooks.
func BenchmarkConvert(b *testing.B) {
	for _, c := range []struct {
		name string
		spec *schema.Column
		cell source.Cell
	}{
		{"text", column(schema.Text, length(0, 100)), text("Anna Berg-Schmidt")},
		{"code", column(schema.Text, length(0, 40)), text("E00042")},
		{"umlaut", column(schema.Text), text("Jürgen Müller")},
		{"number as text", column(schema.Text), number("4711")},
		{"padded", column(schema.Text), shownAs(number("4711"), "00000")},
		{"integer", column(schema.Integer, within("0", "100")), number("42")},
		{"decimal", column(schema.Decimal, within("0", "100000")), number("1234.5")},
		{"decimal text", column(schema.Decimal), text("1234.50")},
		{"boolean", column(schema.Boolean), truth("TRUE")},
		{"date", column(schema.Date), date("45000")},
		{"date text", column(schema.Date), text("2025-04-03")},
		{"datetime", column(schema.DateTime), dateTime("45000.25")},
		{"time", column(schema.Time), clockTime("0.395833333333333")},
		{"email", column(schema.Email), text("anna.berg@example.com")},
		{"phone", column(schema.Phone), text("+49 30 901820")},
		{"enum", column(schema.Enum, allowed("early", "late", "night")), text("late")},
	} {
		b.Run(c.name, func(b *testing.B) {
			converter, err := convert.Compile(c.spec)
			if err != nil {
				b.Fatal(err)
			}
			book := &xlsx.Workbook{}
			buf := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, fault := converter.Convert(&c.cell, book, buf); fault != nil {
					b.Fatal(fault.Message())
				}
			}
		})
	}
}
