package convert_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

// The tables in the documentation are generated from this table of cells and their results.
const (
	tablePath = "testdata/readings.tsv"
	docPath   = "../../../../docs/conversion.md"
)

var update = flag.Bool("update", false, "write the results of today into the table, and the table into the documentation")

// row is a line of the table. Its four columns are the type, the cell, the result and the note.
type row struct {
	section string
	typ     schema.Type
	// cell is a text with Go's escapes, or, after "=", a number with its format in brackets: =1.25 [h:mm].
	cell string
	// result is a value, "(empty)", or the code of an issue. A value after "~" is counted as normalized.
	result string
	// note is the beginning of the message.
	note string
}

func readTable(t testing.TB) (rows []row) {
	t.Helper()
	data, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "# "); ok || line == "" {
			section = title
			continue
		}
		fields := append(strings.Split(line, "\t"), "", "")
		rows = append(rows, row{section, schema.Type(fields[0]), fields[1], fields[2], fields[3]})
	}
	return rows
}

// specs are the columns of the table, by type.
var specs = map[schema.Type]*schema.Column{
	schema.Text: {Name: "name", Title: "Name", Type: schema.Text}, schema.Integer: {Name: "qty", Title: "Qty", Type: schema.Integer},
	schema.Decimal: {Name: "price", Title: "Price", Type: schema.Decimal}, schema.Boolean: {Name: "flag", Title: "Flag", Type: schema.Boolean},
	schema.Date: {Name: "on_date", Title: "On date", Type: schema.Date}, schema.Time: {Name: "at_time", Title: "At time", Type: schema.Time},
	schema.DateTime: {Name: "stamp", Title: "Stamp", Type: schema.DateTime}, schema.Email: {Name: "email", Title: "Email", Type: schema.Email},
	schema.Phone: {Name: "phone", Title: "Phone", Type: schema.Phone},
	schema.Enum:  {Name: "kind", Title: "Kind", Type: schema.Enum, Allowed: []string{"early", "late", "on call", "Nachtschicht", "C", "C++"}},
}

func tableCell(t testing.TB, text string) source.Cell {
	t.Helper()
	if value, ok := strings.CutPrefix(text, "="); ok {
		value, format, found := strings.Cut(value, " [")
		cell := source.Cell{Kind: source.Number, Text: []byte(value), Format: general}
		if found {
			code := strings.TrimSuffix(format, "]")
			cell.Format = &source.NumberFormat{Code: code, Kind: classOf(code)}
			if cell.Format.Kind != source.Plain {
				cell.Kind = source.Date
			}
		}
		return cell
	}
	unescaped, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("the cell %s: %v", text, err)
	}
	return source.Cell{Kind: source.Text, Text: []byte(unescaped), Format: general}
}

// classOf classifies the formats of the table.
func classOf(code string) source.FormatClass {
	day, hour := strings.ContainsAny(code, "yd"), strings.Contains(code, "h:mm") || strings.Contains(code, "mm:ss")
	switch {
	case strings.HasPrefix(code, "[h]"):
		return source.Elapsed
	case day && hour:
		return source.DateTime
	case day:
		return source.DateOnly
	case hour:
		return source.TimeOnly
	}
	return source.Plain
}

// convertRow returns the result of a row in the form of the table, with the whole message.
func convertRow(t testing.TB, r row) (result, message string) {
	t.Helper()
	c, err := convert.Compile(specs[r.typ])
	if err != nil {
		t.Fatal(err)
	}
	cell := tableCell(t, r.cell)
	v, _, fault := c.Convert(&cell, &xlsx.Workbook{}, nil)
	if fault != nil && !fault.Normalized() {
		return fault.Code.String(), fault.Message()
	}
	if result = "(empty)"; v.Kind != imports.Null {
		result = strings.ReplaceAll(string(v.Append(nil)), "\n", `\n`)
	}
	if r.typ == schema.Boolean {
		result = strings.ToUpper(strconv.FormatBool(v.Int == 1))
	}
	if fault.Normalized() {
		return "~" + result, ""
	}
	return result, ""
}

func TestReadings(t *testing.T) {
	rows := readTable(t)
	if len(rows) < 300 {
		t.Errorf("the table has %d cells", len(rows))
	}
	for i, r := range rows {
		result, message := convertRow(t, r)
		if *update {
			rows[i].result, rows[i].note = result, firstSentence(message)
			continue
		}
		if result != r.result || !strings.HasPrefix(message, r.note) || (message == "") != (r.note == "") {
			t.Errorf("%s %q: got %s %q, want %s %q", r.typ, r.cell, result, message, r.result, r.note)
		}
	}
	if *update {
		writeTable(t, rows)
	}
}

// firstSentence returns a message up to a full stop before a capital.
func firstSentence(message string) string {
	for i := range len(message) - 2 {
		if message[i:i+2] == ". " && message[i+2] >= 'A' && message[i+2] <= 'Z' {
			return message[:i+1]
		}
	}
	return message
}

func writeTable(t *testing.T, rows []row) {
	t.Helper()
	var out bytes.Buffer
	section := ""
	for i, r := range rows {
		if r.section != section || i == 0 {
			if i > 0 {
				out.WriteString("\n")
			}
			fmt.Fprintf(&out, "# %s\n", r.section)
			section = r.section
		}
		fmt.Fprintf(&out, "%s\t%s\t%s\t%s\n", r.typ, r.cell, r.result, r.note)
	}
	if err := os.WriteFile(tablePath, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentedReadings checks that the tables in the documentation match the table of readings.
func TestDocumentedReadings(t *testing.T) {
	doc, err := os.ReadFile(docPath)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string][]row{}
	for _, r := range readTable(t) {
		sections[r.section] = append(sections[r.section], r)
	}
	var out strings.Builder
	skipping := false
	for line := range strings.Lines(string(doc)) {
		if title, ok := strings.CutPrefix(line, "<!-- table: "); ok {
			title = strings.TrimSuffix(title, " -->\n")
			if sections[title] == nil {
				t.Errorf("the table %q is not known, or is there twice", title)
			}
			out.WriteString(line)
			out.WriteString(markdown(sections[title]))
			delete(sections, title)
			skipping = true
			continue
		}
		skipping = skipping && (strings.HasPrefix(line, "|") || line == "\n")
		if !skipping {
			out.WriteString(line)
		} else if line == "\n" {
			out.WriteString(line)
			skipping = false
		}
	}
	for title := range sections {
		t.Errorf("the table %q is not in the documentation", title)
	}
	if *update {
		if err := os.WriteFile(docPath, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if out.String() != string(doc) {
		t.Errorf("%s differs from %s: run the tests of this package with -update", docPath, tablePath)
	}
}

func markdown(rows []row) string {
	var out strings.Builder
	out.WriteString("| cell | result |\n| --- | --- |\n")
	for _, r := range rows {
		cell, format := r.cell, ""
		if value, ok := strings.CutPrefix(cell, "="); ok {
			var found bool
			if value, format, found = strings.Cut(value, " ["); found {
				format = " in the format " + code(strings.TrimSuffix(format, "]"))
			}
			cell, format = value, " (a number"+format+")"
		}
		result := code(r.result)
		switch value, counted := strings.CutPrefix(r.result, "~"); {
		case r.note != "":
			result += ": " + strings.NewReplacer("|", "\\|", "<", "\\<", "*", "\\*", "#", "\\#").Replace(r.note)
		case r.result == "(empty)":
			result = "empty"
		case value == "(empty)":
			result = "empty, counted"
		case counted:
			result = code(value) + ", counted"
		}
		fmt.Fprintf(&out, "| %s%s | %s |\n", code(cell), format, result)
	}
	return out.String()
}

// code returns a text as code in a table. Blanks at its ends are written with an escape.
func code(s string) string {
	if s == "" {
		return "nothing"
	}
	inner := strings.Trim(s, " ")
	before := len(s) - len(strings.TrimLeft(s, " "))
	after := len(s) - before - len(inner)
	s = strings.Repeat(`\u0020`, before) + inner + strings.Repeat(`\u0020`, after)
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}
