package xlsx

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/source"
)

// sharedByD5 are formulas of B2, and their expansion in D5, which shares them. Formulas that excelize expands
// differently are in knownFormulaDifferences.
var sharedByD5 = [][2]string{
	{"A1*2", "C4*2"},
	{"A1+$A1+A$1+$A$1", "C4+$A4+C$1+$A$1"},
	{"SUM(A1:B$2,$C:D,E:E)", "SUM(C4:D$2,$C:F,G:G)"},
	{"SUM(5:6)+SUM($5:6)", "SUM(8:9)+SUM($5:9)"},
	{`"A1, it's B2"&A1&"'"&A1`, `"A1, it's B2"&C4&"'"&C4`},
	{"LOG10(A1)+ATAN2(A1,B1)+DAYS360(A1,B1)", "LOG10(C4)+ATAN2(C4,D4)+DAYS360(C4,D4)"},
	{"XFE1+RATE2024+_A1+A1.b+A1_x+a1b+A1048577", "XFE1+RATE2024+_A1+A1.b+A1_x+a1b+A1048577"},
	{"VAT2024", "VAV2027"}, // a cell, because VAT is a column
	{"OFFSET(A1,1,1):B2", "OFFSET(C4,1,1):D5"},
	{"SUM(A1:rate)", "SUM(C4:rate)"},
	{"Table1[[#This Row],[A1]]+Table1[B'[2]+A1", "Table1[[#This Row],[A1]]+Table1[B'[2]+C4"},
	{"1.5E+10-1E5+TRUE", "1.5E+10-1E5+TRUE"},
	{"IF(A1=#N/A,#DIV/0!,#REF!)", "IF(C4=#N/A,#DIV/0!,#REF!)"},
	{"A1 B2:C3,D4%^-E5", "C4 D5:E6,F7%^-G8"},
	{"größe1+データ", "größe1+データ"},
	{"Table1[open A1", "Table1[open A1"},
}

func TestSharedFormulaShiftsRelativeReferences(t *testing.T) {
	for _, c := range sharedByD5 {
		t.Run(c[0], func(t *testing.T) { assertShared(t, c[0], c[1], c[1]) })
	}
}

func TestReferenceOutsideSheetIsAnError(t *testing.T) {
	for _, c := range []struct {
		formula    string
		cols, rows int
		want       string
	}{
		{"A2", -1, 0, "#REF!"},
		{"B1", 0, -1, "#REF!"},
		{"XFD1048576", 1, 0, "#REF!"},
		{"XFD1048576", 0, 1, "#REF!"},
		{"A1:B2+C3", -1, -1, "#REF!+B2"},
		{"SUM(A:C)+SUM(B:C)", -1, 0, "SUM(#REF!)+SUM(A:B)"},
		{"SUM(1:3)+SUM(2:3)", 0, -1, "SUM(#REF!)+SUM(1:2)"},
		{"Sheet2!A1", -1, 0, "Sheet2!#REF!"},
		{"$A$1+$A2+B$1", -1, -1, "$A$1+$A1+A$1"},
	} {
		if got := string(appendShifted(nil, []byte(c.formula), c.cols, c.rows)); got != c.want {
			t.Errorf("%s by %d and %d: got %s, want %s", c.formula, c.cols, c.rows, got, c.want)
		}
	}
}

// assertShared reads a sheet in which D5 shares a formula of B2 with both
// readers.
func assertShared(t *testing.T, formula, ours, theirs string) {
	t.Helper()
	file := sheetWith(`<row r="2"><c r="B2"><f t="shared" ref="B2:D5" si="4">` + escapeText(formula) +
		`</f><v>1</v></c></row><row r="5"><c r="D5"><f t="shared" si="4"/><v>2</v></c></row>`)
	w, err := openBytes(t, file, source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `B2 number "1" =`+formula, `D5 number "2" =`+ours)
	assertOracleFormula(t, file, "D5", theirs)
}

func assertOracleFormula(t *testing.T, file []byte, ref, want string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.GetCellFormula("Data", ref); err != nil || got != want {
		t.Errorf("excelize gives %s the formula %q, %v, want %q", ref, got, err, want)
	}
}

func TestCellsShareTheFormulaOfTheirGroup(t *testing.T) {
	assertSheet(t, sheetWith(`<row r="1">`+
		`<c r="A1"><f t="shared" ref="A1:A3" si="0">B1+1</f><v>1</v></c>`+
		`<c r="C1"><f t="shared" ref="C1:C3" si="1">D1+2</f><v>1</v></c></row><row r="2">`+
		`<c r="A2"><f t="shared" si="0"/><v>1</v></c><c r="C2"><f si=" 1 " t="shared"></f></c></row><row r="3">`+
		`<c r="A3"><f t="shared" si="0">kept?</f><v>1</v></c>`+ // the master's text overrides it
		`<c r="B3"><f t="shared">B1</f><v>1</v></c><c r="C3"><f si="0">B2</f><v>1</v></c>`+ // not shared
		`<c r="D3"><f t="shared" si="7"/><v>1</v></c><c r="E3"><f t="dataTable" ref="E3:E4" r1="A1"/><v>1</v></c></row>`),
		`A1 number "1" =B1+1`, `C1 number "1" =D1+2`, `A2 number "1" =B2+1`, `C2 formula-without-value "" =D2+2`,
		`A3 number "1" =B3+1`, `B3 number "1" =B1`, `C3 number "1" =B2`, `D3 number "1" =`, `E3 number "1" =`)
}

func TestCellWithOwnRangeStartsNewGroup(t *testing.T) {
	assertSheet(t, sheetWith(`<row r="1"><c r="A1"><f t="shared" ref="A1:B1" si="0">C1</f><v>1</v></c></row>`+
		`<row r="2"><c r="A2"><f t="shared" ref="A2:B2" si="0">C$9</f><v>1</v></c><c r="B2"><f t="shared" si="0"/><v>1</v></c></row>`),
		`A1 number "1" =C1`, `A2 number "1" =C$9`, `B2 number "1" =D$9`)
}

func TestSharedFormulaWithoutNumberIsRefused(t *testing.T) {
	for _, si := range []string{"x", "-1", "4294967296"} {
		assertRefused(t, sheetWith(`<row r="1"><c r="A1"><f t="shared" si="`+si+`"/><v>1</v></c></row>`), source.Limits{}, source.Damaged, sheetPart, "cell A1")
	}
}

func TestUnusedSharedFormulasAreDropped(t *testing.T) {
	sheet := func(last int) []byte {
		var rows strings.Builder
		for row := 1; row <= 100; row++ {
			fmt.Fprintf(&rows, `<row r="%[1]d"><c r="A%[1]d"><f t="shared" ref="A%[1]d:B%[2]d" si="%[1]d">C%[1]d</f><v>1</v></c>`+
				`<c r="B%[1]d"><f t="shared" si="%[1]d"/><v>1</v></c></row>`, row, max(row, last))
		}
		return sheetWith(rows.String())
	}
	limits := source.Limits{MaxSharedFormulaBytes: 10 * sharedFormulaBytes}
	w, err := openBytes(t, sheet(0), limits)
	if err != nil {
		t.Fatal(err)
	}
	cells, err := readSheet(w, "Data")
	if err != nil || len(cells) != 200 {
		t.Fatalf("%d cells, %v", len(cells), err)
	}
	if got := cells[199].formula; got != "D100" {
		t.Errorf("B100 has the formula %q", got)
	}
	assertRefused(t, sheet(100), limits, source.LimitExceeded, sheetPart, "cell A")
}

func TestExpandingFormulaDoesNotAllocate(t *testing.T) {
	var rows strings.Builder
	rows.WriteString(`<row r="1"><c r="A1"><f t="shared" ref="A1:A9000" si="0">SUM(B1:C1)+LOG10($D$1)&amp;"A1"</f><v>1</v></c></row>`)
	for row := 2; row <= 9000; row++ {
		fmt.Fprintf(&rows, `<row r="%[1]d"><c r="A%[1]d"><f t="shared" si="0"/><v>1</v></c></row>`, row)
	}
	w, err := openBytes(t, sheetWith(rows.String()), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.openRows(context.Background(), "Data")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	read := func(n int) (last string) {
		for range n {
			if !r.Next() {
				t.Fatal(r.Err())
			}
			if f := r.Formula(&r.Row().Cells[0]); n == 1 {
				last = string(f)
			}
		}
		return last
	}
	read(1000)
	if perRow := testing.AllocsPerRun(1, func() { read(3000) }) / 3000; perRow >= 0.01 {
		t.Errorf("%v allocations per row", perRow)
	}
	if got := read(1); got != `SUM(B7001:C7001)+LOG10($D$1)&"A1"` {
		t.Errorf("got %s", got)
	}
}

// FuzzSharedFormula moves formulas. A move by zero doesn't change them, and a move back restores them.
func FuzzSharedFormula(f *testing.F) {
	for _, c := range sharedByD5 {
		f.Add(c[0], 2, 3)
	}
	for _, d := range knownFormulaDifferences() {
		f.Add(d.formula, -1, 1)
	}
	f.Fuzz(func(t *testing.T, formula string, cols, rows int) {
		cols, rows = cols%maxColumn, rows%maxRow
		if got := string(appendShifted(nil, []byte(formula), 0, 0)); !sameLetters(got, formula) {
			t.Fatalf("%q moved by nothing is %q", formula, got)
		}
		moved := appendShifted(nil, []byte(formula), cols, rows)
		if bytes.Count(moved, []byte(refError)) != strings.Count(formula, refError) {
			return
		}
		if got := string(appendShifted(nil, moved, -cols, -rows)); !sameLetters(got, formula) {
			t.Fatalf("%q is %q, and back again %q", formula, moved, got)
		}
	})
}

// sameLetters compares without regard to the case of ASCII letters.
func sameLetters(a, b string) bool {
	return bytes.Equal(asciiUpper(a), asciiUpper(b))
}

func asciiUpper(s string) []byte {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return b
}
