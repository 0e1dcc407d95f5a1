package convert_test

import (
	"regexp"
	"strings"
	"testing"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

// clock reads dates as a workbook of one of the two date systems does.
type clock struct{ source.Workbook }

func text(s string) source.Cell {
	return source.Cell{Kind: source.Text, Text: []byte(s), Format: general}
}

func number(s string) source.Cell {
	return source.Cell{Kind: source.Number, Text: []byte(s), Format: general}
}

func shownAs(c source.Cell, code string) source.Cell {
	c.Format = &source.NumberFormat{Code: code}
	return c
}

func date(s string) source.Cell {
	return source.Cell{Kind: source.Date, Text: []byte(s), Format: &source.NumberFormat{Code: "yyyy-mm-dd", Kind: source.DateOnly}}
}

func dateTime(s string) source.Cell {
	return source.Cell{Kind: source.Date, Text: []byte(s), Format: &source.NumberFormat{Code: "yyyy-mm-dd hh:mm", Kind: source.DateTime}}
}

func clockTime(s string) source.Cell {
	return source.Cell{Kind: source.Date, Text: []byte(s), Format: &source.NumberFormat{Code: "hh:mm", Kind: source.TimeOnly}}
}

func iso(s string) source.Cell {
	return source.Cell{Kind: source.Date, ISO: true, Text: []byte(s), Format: general}
}

func truth(s string) source.Cell {
	return source.Cell{Kind: source.Bool, Text: []byte(s), Format: general}
}

var general = &source.NumberFormat{Code: "General"}

var (
	empty   = source.Cell{Format: general}
	failing = source.Cell{Kind: source.ErrorValue, Text: []byte("#N/A"), Format: general}
	undone  = source.Cell{Kind: source.FormulaWithoutValue, HasFormula: true, Format: general}
)

func column(typ schema.Type, change ...func(*schema.Column)) *schema.Column {
	c := &schema.Column{Name: "c", Title: "Column", Type: typ}
	for _, f := range change {
		f(c)
	}
	return c
}

func required(c *schema.Column) { c.Required = true }

func within(low, high string) func(*schema.Column) {
	return func(c *schema.Column) { c.Min, c.Max = low, high }
}

func length(low, high int) func(*schema.Column) {
	return func(c *schema.Column) { c.MinLength, c.MaxLength = low, high }
}

func pattern(p string) func(*schema.Column) {
	return func(c *schema.Column) { c.Pattern = regexp.MustCompile(p) }
}

func allowed(values ...string) func(*schema.Column) {
	return func(c *schema.Column) { c.Allowed = values }
}

// convertOne returns the value as text, "-" for an empty cell, or the code of the fault.
func convertOne(t *testing.T, spec *schema.Column, cell source.Cell) string {
	t.Helper()
	c, err := convert.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	v, _, fault := c.Convert(&cell, clock{&xlsx.Workbook{}}, nil)
	switch {
	case fault.Normalized():
		if explained := c.Explain(&cell, clock{&xlsx.Workbook{}}, v)(0).English(); !strings.HasSuffix(explained, ".") {
			t.Errorf("the explanation is %q", explained)
		}
	case fault != nil:
		if fault.Message() == "" || !strings.HasSuffix(fault.Message(), ".") {
			t.Errorf("the message does not end with a full stop: %q", fault.Message())
		}
		return fault.Code.String()
	}
	if v.Kind == imports.Null {
		return "-"
	}
	return string(v.Append(nil))
}

func TestConvertCells(t *testing.T) {
	for _, c := range []struct {
		name string
		spec *schema.Column
		cell source.Cell
		want string
	}{
		{"blanks around text", column(schema.Text), text(" 00042 "), "00042"},
		{"text of blanks", column(schema.Text), text("  \u00a0\t"), "-"},
		{"a required cell of blanks", column(schema.Text, required), text("  "), "REQUIRED"},
		{"a required cell without content", column(schema.Integer, required), empty, "REQUIRED"},
		{"nothing", column(schema.Date), empty, "-"},
		{"an error", column(schema.Text), failing, "CELL_ERROR"},
		{"a formula without a value", column(schema.Text), undone, "FORMULA_WITHOUT_VALUE"},
		{"a whole number as text", column(schema.Text), number("4711"), "4711"},
		{"a number with decimals as text", column(schema.Text), number("0.5"), "0.5"},
		{"15 digits as text", column(schema.Text), number("123456789012345"), "123456789012345"},
		{"16 digits that a program wrote", column(schema.Text), number("1234567890123456"), "1234567890123456"},
		{"16 digits that Excel has cut", column(schema.Text), number("1234567890123450"), "PRECISION_LOST"},
		{"leading zeros by format", column(schema.Text), shownAs(number("42"), "00000"), "00042"},
		{"a text format", column(schema.Text), shownAs(number("42"), "@"), "42"},
		{"a currency format", column(schema.Text), shownAs(number("42"), `#,##0.00 "€"`), "NUMBER_AS_TEXT"},
		{"a rounding format", column(schema.Text), shownAs(number("42.7"), "0"), "NUMBER_AS_TEXT"},
		{"a date where text is expected", column(schema.Text), date("45000"), "NUMBER_AS_TEXT"},
		{"too long, in characters", column(schema.Text, length(0, 3)), text("äöüß"), "LENGTH"},
		{"long enough, in characters", column(schema.Text, length(4, 4)), text("äöüß"), "äöüß"},
		{"too short", column(schema.Text, length(2, 0)), text("a"), "LENGTH"},
		{"a pattern for the whole text", column(schema.Text, pattern("[A-Z]+")), text("ABc"), "PATTERN"},
		{"a pattern of alternatives", column(schema.Text, pattern("a|ab")), text("ab"), "ab"},
		{"an allowed value", column(schema.Enum, allowed("day", "night")), text("night"), "night"},
		{"a value in another case", column(schema.Enum, allowed("day", "night")), text("Night"), "night"},
		{"an allowed number", column(schema.Enum, allowed("1", "2")), number("2"), "2"},

		{"an integer", column(schema.Integer), number("-17"), "-17"},
		{"the largest integer as text", column(schema.Integer), text("9223372036854775807"), "9223372036854775807"},
		{"beyond 64 bits", column(schema.Integer), text("9223372036854775808"), "NOT_AN_INTEGER"},
		{"decimals in an integer", column(schema.Integer), number("3.5"), "NOT_AN_INTEGER"},
		{"words in an integer", column(schema.Integer), text("three"), "NOT_A_NUMBER"},
		{"leading zeros in an integer", column(schema.Integer), text("007"), "7"},
		{"grouped digits", column(schema.Integer), text("1,234"), "AMBIGUOUS_NUMBER"},
		{"a truth in an integer", column(schema.Integer), truth("TRUE"), "NOT_A_NUMBER"},
		{"a date in an integer", column(schema.Integer), date("45000"), "NOT_A_NUMBER"},
		{"cut digits in an integer", column(schema.Integer), number("1234567890123450"), "PRECISION_LOST"},
		{"exact digits in an integer", column(schema.Integer), number("1234567890123456"), "1234567890123456"},
		{"an integer too small", column(schema.Integer, within("1", "20")), number("0"), "RANGE"},
		{"an integer too large", column(schema.Integer, within("1", "20")), number("21"), "RANGE"},
		{"an integer at the bound", column(schema.Integer, within("1", "20")), number("20"), "20"},

		{"a decimal", column(schema.Decimal), number("1234.5"), "1234.5"},
		{"a decimal as text", column(schema.Decimal), text("12.50"), "12.5"},
		{"many digits as text", column(schema.Decimal), text("0.123456789012345678901234567890"), "0.12345678901234567890123456789"},
		{"minus nothing", column(schema.Decimal), text("-0.00"), "0"},
		{"a comma", column(schema.Decimal), text("12,5"), "12.5"},
		{"a currency", column(schema.Decimal), text("€ 5"), "NOT_A_NUMBER"},
		{"an exponent", column(schema.Decimal), text("1e5"), "100000"},
		{"a point alone", column(schema.Decimal), text("."), "NOT_A_NUMBER"},
		{"below zero", column(schema.Decimal, within("0", "")), number("-0.01"), "RANGE"},
		{"ten is above nine", column(schema.Decimal, within("", "9")), number("10"), "RANGE"},
		{"a hair above", column(schema.Decimal, within("", "9.99")), number("9.991"), "RANGE"},
		{"between negative bounds", column(schema.Decimal, within("-10", "-9")), number("-9.5"), "-9.5"},

		{"true", column(schema.Boolean), truth("TRUE"), "1"},
		{"yes", column(schema.Boolean), text("Yes"), "1"},
		{"zero", column(schema.Boolean), number("0"), "0"},
		{"two", column(schema.Boolean), number("2"), "NOT_A_BOOLEAN"},
		{"perhaps", column(schema.Boolean), text("perhaps"), "NOT_A_BOOLEAN"},

		{"a date", column(schema.Date), date("45000"), "2023-03-15"},
		{"a date before the false leap day", column(schema.Date), date("59"), "1900-02-28"},
		{"29 February 1900", column(schema.Date), date("60"), "NOT_A_DATE"},
		{"an ISO date cell", column(schema.Date), iso("2024-02-29"), "2024-02-29"},
		{"an ISO date as text", column(schema.Date), text("2024-02-29"), "2024-02-29"},
		{"29 February 2023 as text", column(schema.Date), text("2023-02-29"), "NOT_A_DATE"},
		{"two readings", column(schema.Date), text("03/04/2025"), "AMBIGUOUS_DATE"},
		{"two readings of two digits", column(schema.Date), text("3.4.25"), "AMBIGUOUS_DATE"},
		{"one reading, but not ISO", column(schema.Date), text("31/12/2025"), "2025-12-31"},
		{"a bare number", column(schema.Date), number("45000"), "NOT_A_DATE"},
		{"a date with a time", column(schema.Date), dateTime("45000.5"), "NOT_A_DATE"},
		{"a date at midnight", column(schema.Date), dateTime("45000"), "2023-03-15"},
		{"a time where a date is expected", column(schema.Date), clockTime("0.5"), "NOT_A_DATE"},
		{"a date outside Excel's", column(schema.Date), date("2958466"), "NOT_A_DATE"},
		{"a date too early", column(schema.Date, within("2024-01-01", "")), date("45000"), "RANGE"},

		{"a time", column(schema.Time), clockTime("0.395833333333333"), "09:30:00"},
		{"a time as text", column(schema.Time), text("09:30"), "09:30:00"},
		{"a time with seconds", column(schema.Time), text("23:59:58.5"), "23:59:58.5"},
		{"25 o'clock", column(schema.Time), text("25:00"), "NOT_A_TIME"},
		{"a date where a time is expected", column(schema.Time), date("45000"), "NOT_A_TIME"},
		{"a bare fraction", column(schema.Time), number("0.5"), "NOT_A_TIME"},

		{"a date with a time", column(schema.DateTime), dateTime("45000.25"), "2023-03-15 06:00:00"},
		{"a date alone", column(schema.DateTime), date("45000"), "2023-03-15 00:00:00"},
		{"ISO with a T", column(schema.DateTime), text("2023-03-15T06:00"), "2023-03-15 06:00:00"},
		{"a date-time too late", column(schema.DateTime, within("", "2023-01-01T00:00:00")), dateTime("45000.25"), "RANGE"},
		{"two readings with a time", column(schema.DateTime), text("03/04/2025"), "AMBIGUOUS_DATE"},

		{"an address", column(schema.Email), text("jo.o'neil+x@mail.example.org"), "jo.o'neil+x@mail.example.org"},
		{"an address of other letters", column(schema.Email), text("jürgen@münchen.example"), "jürgen@münchen.example"},
		{"no at", column(schema.Email), text("office at example.org"), "NOT_AN_EMAIL"},
		{"two points", column(schema.Email), text("a..b@example.org"), "NOT_AN_EMAIL"},
		{"no domain", column(schema.Email), text("a@b"), "NOT_AN_EMAIL"},
		{"a blank after an address", column(schema.Email), text("a@example.org "), "a@example.org"},
		{"a hyphen at the edge", column(schema.Email), text("a@-b.org"), "NOT_AN_EMAIL"},

		{"a phone number", column(schema.Phone), text("+49 (30) 90 18-20"), "+49 (30) 90 18-20"},
		{"words for a phone number", column(schema.Phone), text("see the intranet"), "NOT_A_PHONE"},
		{"too many digits", column(schema.Phone), text("1234567890123456"), "NOT_A_PHONE"},
		{"a phone number as a number", column(schema.Phone), number("4930901820"), "4930901820"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := convertOne(t, c.spec, c.cell); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAmbiguousDateNamesReadings(t *testing.T) {
	c, err := convert.Compile(column(schema.Date))
	if err != nil {
		t.Fatal(err)
	}
	cell := text("03/04/2025")
	_, _, fault := c.Convert(&cell, clock{&xlsx.Workbook{}}, nil)
	if fault == nil || !strings.Contains(fault.Message(), "2025-04-03") || !strings.Contains(fault.Message(), "2025-03-04") {
		t.Errorf("got %+v", fault)
	}
}

func TestInvalidBoundIsRejected(t *testing.T) {
	for _, typ := range []schema.Type{schema.Integer, schema.Decimal} {
		if _, err := convert.Compile(column(typ, within("many", ""))); err == nil {
			t.Errorf("%s: a bound of words was accepted", typ)
		}
	}
}

func TestConvertDoesNotAllocate(t *testing.T) {
	cells := map[schema.Type]source.Cell{schema.Text: text("Ann"), schema.Integer: number("42"), schema.Decimal: number("1.5"),
		schema.Boolean: truth("TRUE"), schema.Email: text("a@example.org"), schema.Phone: text("+49 30 901820")}
	buffer := make([]byte, 0, 64)
	for typ, cell := range cells {
		c, err := convert.Compile(column(typ))
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { c.Convert(&cell, clock{}, buffer) }); n != 0 {
			t.Errorf("%s: %v allocations", typ, n)
		}
	}
}

func TestClipKeepsWholeCharacters(t *testing.T) {
	if got := source.Clip([]byte("äöüß"), 3); got != "äö…" {
		t.Errorf("got %q", got)
	}
}

func TestOffsetsOfDateCellsAreDroppedWithoutZone(t *testing.T) {
	for text, want := range map[string]string{"2025-06-01T09:30:00+02:00": "2025-06-01 09:30:00", "2025-06-01T23:30:00-05:00": "2025-06-01 23:30:00"} {
		column, err := convert.Compile(&schema.Column{Name: "at", Title: "At", Type: schema.DateTime})
		if err != nil {
			t.Fatal(err)
		}
		v, _, f := column.Convert(&source.Cell{Kind: source.Date, ISO: true, Text: []byte(text), Format: general}, clock{&xlsx.Workbook{}}, nil)
		if !f.Normalized() || string(v.Bytes) != want {
			t.Errorf("%s is %s with %v, want %s, counted", text, v.Bytes, f, want)
		}
	}
}
