package layout

import (
	"strconv"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

// columns are those of a sheet with a key, a name, a quantity, and a note.
func columns() []Column {
	return []Column{
		{Cell: 1, Titles: []string{"Code", "code", "Item code"}, Key: true}, {Cell: 2, Titles: []string{"Name", "name"}},
		{Cell: 3, Titles: []string{"Qty", "qty"}}, {Cell: 4, Titles: []string{"Note", "note"}},
	}
}

type formulas map[int]string

func (f formulas) Formula(c *source.Cell) []byte { return []byte(f[c.Col]) }

// judge returns the kind of row 7 after n records. A value is a number, TRUE, FALSE, or a text, and has a formula after a "|".
func judge(s *Sheet, number int, values ...string) Kind {
	r := &Row{Row: source.Row{Number: number}}
	f := formulas{}
	for i, v := range values {
		value, formula, has := strings.Cut(v, "|")
		c := source.Cell{Col: i + 1, Kind: source.Text, Text: []byte(value), HasFormula: has}
		switch _, err := strconv.ParseFloat(value, 64); {
		case value == "":
			c.Kind = source.Empty
		case value == "TRUE" || value == "FALSE":
			c.Kind = source.Bool
		case strings.HasPrefix(value, "#"):
			c.Kind = source.ErrorValue
		case strings.HasPrefix(value, "@"):
			c.Kind, c.Text = source.Date, []byte(value[1:])
		case strings.HasPrefix(value, "'"):
			c.Text = []byte(value[1:])
		case err == nil:
			c.Kind = source.Number
		}
		f[i+1] = formula
		r.Values = append(r.Values, c)
		if !source.Blank(&c) {
			r.Filled++
			r.Typed = r.Typed || Typed(&c, s.columns[i].Key)
			r.Formulas = r.Formulas || has
		}
	}
	r.Cells = r.Values
	return s.Judge(r, f)
}

// textRow returns a row of texts.
func textRow(number int, texts ...string) source.Row {
	row := source.Row{Number: number}
	for i, t := range texts {
		if t != "" {
			row.Cells = append(row.Cells, source.Cell{Col: i + 1, Kind: source.Text, Text: []byte(t)})
		}
	}
	return row
}

func TestPagesRepeatTheirHeads(t *testing.T) {
	s := New(3, []Column{
		{Cell: 1, Titles: []string{"Item code", "Acme Ltd. No."}, Key: true}, {Cell: 2, Titles: []string{"Acme Ltd. Name"}},
		{Cell: 3, Titles: []string{"Stock Qty"}}, {Cell: 4, Titles: []string{"Page 1 Note"}},
	}, nil)
	s.AddHeading(textRow(1, "Report"))
	s.AddHeading(textRow(2, "Acme Ltd.", "", "Stock of 31.12.2025", "Page 1"))
	s.AddHeading(textRow(3, "No.", "Name", "Qty", "Note"))
	for i, test := range []struct {
		row  []string
		want Kind
	}{
		{[]string{"1", "one", "5", "x"}, Record},
		{[]string{"Acme Ltd.", "", "Stock of 31.12.2025", "Page 2"}, Header},
		{[]string{"NO.", "Name", "Qty", "Note"}, Header},
		{[]string{"2", "two", "6", ""}, Record},
		{[]string{"acme ltd.", "", "Stock of 31.12.2025", "Page 10"}, Header},
		{[]string{"Acme Ltd.", "", "Stock", "Page 2"}, Record},
		{[]string{"Acme Ltd.", "x", "Stock of 31.12.2025", "Page 2"}, Record},
		{[]string{"No.", "Name", "Qty", ""}, Record},
		{[]string{"No.", "Name", "7", "Note"}, Record},
	} {
		if got := judge(s, 4+i, test.row...); got != test.want {
			t.Errorf("%q is a %s, want a %s", test.row, names[got], names[test.want])
		}
	}
}

var names = map[Kind]string{Record: "record", Filler: "filler", Header: "header", Totals: "totals", Doubtful: "doubtful"}

func TestRowsAreDistinguishedFromRecords(t *testing.T) {
	for _, test := range []struct {
		want Kind
		row  string
	}{
		{Record, "A1;one;1;x"}, {Record, "A1;;;"}, {Record, "Total;TotalEnergies;1;"}, {Record, "Total quality management;;;"},
		{Record, "Totally;;5;"}, {Record, "Summer;;5;"}, {Record, "Sum-1;;5;"}, {Record, "Total;one;1;x"}, {Record, "Source;;;"},
		{Record, "Notebook;;2;"}, {Record, "Pages;;2;"}, {Record, "Page boy;;;"}, {Record, "-;;;"}, {Record, "A-1;--;1;"},
		{Record, "Confidence;;;"}, {Record, "Gesamtschule;;3;"}, {Record, "Suma Cum;;;"}, {Record, "Total;;TRUE;"}, {Record, "Code;Name;5;"},
		{Record, "Printed matter;;4;"}, {Record, "Example;;;"}, {Record, "text;Text;;"},
		{Record, "Count Dracula;;5;"}, {Record, "Max;;5;"}, {Record, "Average;;;"}, {Record, "Medium;;5;"}, {Record, "* Chair;;4;"}, {Record, "End;;5;"}, {Record, "Endive;;;"},
		{Record, "Dates;;5;"}, {Record, "Standing desk;;5;"}, {Record, "A9;;10|MAX(C2:C6)+1;"}, {Record, "#1;;5;"},

		{Filler, ";;;FALSE"}, {Filler, ";;0|C6*2;"}, {Filler, ";;0|C6*2;FALSE"}, {Filler, ";#N/A|VLOOKUP(A7,X:Y,2,0);;"},
		{Filler, "0|Data!A7;0|Data!B7;;"}, {Filler, ";;@0|B7;FALSE"},
		{Filler, ";;5|C6*2;"}, {Filler, ";;6|ROW()-1;FALSE"}, {Filler, ";-|IF(A7=\"\",\"-\",A7);;"},
		{Record, ";;0;"}, {Record, ";;;TRUE"}, {Record, ";;5|Data!C6*2;"}, {Record, "A9;;5|C6*2;"}, {Record, ";x;5|D7*2;"}, {Record, ";;5|T[Qty];"}, {Record, ";;5|;"}, {Record, "#REF!|Data!A7;#REF!|Data!B7;;"}, {Record, ";#N/A;;"}, {Record, ";x;;FALSE"},

		{Header, "Code;Name;Qty;Note"}, {Header, "CODE;NAME;QTY;NOTE"}, {Header, "code;name;qty;note"}, {Header, "Code;Name;;"}, {Header, "Item code;Name:;qty;"},
		{Doubtful, "Code;;;"}, {Record, "Code;North;;"},

		{Totals, "Total;;10|SUM(C2:C6);"}, {Totals, ";;10|SUM(C$2:C6);"}, {Totals, ";;10|SUBTOTAL(9,C2:C6);"}, {Totals, "Grand total;;10|AGGREGATE(9,5,$C$2:$C$6);"},
		{Totals, "North Total;;10|SUBTOTAL(9,C2:C6);"}, {Totals, "Gesamt;;10|SUBTOTAL(109,Table1[Qty]);"}, {Totals, ";;10|SUM(C2:C3,C5:C6);"}, {Totals, "South Total;;10|SUBTOTAL(9,C6:C6);"},
		{Doubtful, "North;;10|SUM(C2:C6);"}, {Record, "A9;Assembly;10|SUM(C2:C6);"}, {Record, "A9;;10|SUM(A7:B7);"}, {Record, "A9;;10|SUM(D2:D6);"},
		{Record, "7|MAX(A$1:A6)+1;x;;"}, {Record, "A9;;10|SUM(C2:C6)*2;"}, {Record, "A9;;10|SUM(C6);"}, {Record, "A9;;10|SUM(C2:C9);"},

		{Doubtful, "Total;;10;"}, {Doubtful, "Subtotal;;;"}, {Doubtful, "Grand total (4 records);;;"}, {Doubtful, "TOTAL: 12;;;"}, {Doubtful, "North Total;;10;"},
		{Doubtful, "Total North;;10;"}, {Doubtful, "Summe;;10;"}, {Doubtful, "Zwischensumme;;;"}, {Doubtful, "Total général;;10;"}, {Doubtful, "Итого:;;10;"},
		{Doubtful, "合計;;10;"}, {Doubtful, "Kokku;;10;"}, {Doubtful, "Kopā;;10;"}, {Doubtful, "Iš viso;;10;"}, {Doubtful, "Samtals;;10;"},
		{Doubtful, "Jumla;;10;"}, {Doubtful, "Jumlah;;10;"}, {Doubtful, "Kabuuan;;10;"}, {Doubtful, "Общо;;10;"}, {Doubtful, "Razem;;10;"}, {Doubtful, "รวม;;10;"}, {Doubtful, "ჯამი;;10;"}, {Doubtful, "مجموع;;10;"},
		{Doubtful, "*;;10;"}, {Doubtful, "**;;'1.234,56;"}, {Doubtful, "*;;'1.234,56;'12-"}, {Doubtful, "Σ;;10;"}, {Doubtful, "∑;;10;"}, {Record, "*;;;"}, {Record, "*;one;10;"},
		{Doubtful, ";Total;10;"}, {Doubtful, "ΣΎΝΟΛΟ;;10;"}, {Doubtful, " Total ;;10;"}, {Doubtful, "Total;;10;FALSE"},
		{Doubtful, "Copyright (c) 2026 Example Inc.;;;"}, {Doubtful, "© Example;;;"}, {Doubtful, "Confidential - do not distribute;;;"},
		{Doubtful, "Report generated 28.11.2026 by Pat;;;"}, {Doubtful, "Generated on;;;@46000"}, {Doubtful, "Page 2 of 5;;;"}, {Doubtful, "Seite 3;;;"},
		{Doubtful, "*** End of report ***;;;"}, {Doubtful, "Note: prices without tax;;;"}, {Doubtful, "-----;;;"}, {Doubtful, "----;----;----;"}, {Doubtful, "* required;;;"},
		{Doubtful, "Erstellt am 3.4.2026;;;"}, {Doubtful, "Prepared by: Jane Doe;;;"}, {Doubtful, "Unterschrift: ________;;;"}, {Doubtful, "Date: 2026-01-01;;;"},
		{Doubtful, "Datum: 01.01.2026;;;"}, {Doubtful, "* provisional;;;"}, {Doubtful, "=== end of file;;;"}, {Doubtful, "END;;;"}, {Doubtful, "Fin.;;;"},

		{Doubtful, "Average;;10;"}, {Doubtful, "Mittelwert:;;10;"}, {Doubtful, "Ø;;10;"}, {Doubtful, "Median (n = 5);;10;"}, {Doubtful, "Minimum;;10;"},
		{Doubtful, "Summe;;'46.250,50;"}, {Doubtful, "Total;;'1,250.50;'12"}, {Doubtful, "Average;;'15.17;"}, {Record, "Total;;'1,250.50;late"},
		{Doubtful, "Count;;10;"}, {Doubtful, "Anzahl;;10;"}, {Doubtful, "Среднее;;10;"}, {Doubtful, "平均;;10;"},
		{Doubtful, "Difference;;10;"}, {Doubtful, "Difference;;'12.5%;"}, {Doubtful, "Differenz zum Vorjahr;;10;"}, {Doubtful, "Change %;;10;"}, {Doubtful, "% change;;'12,5 %;"},
		{Doubtful, "Remaining:;;10;"}, {Doubtful, "Budget remaining;;10;"}, {Doubtful, "Variance vs. plan;;10;"}, {Doubtful, ";Difference;10;"}, {Doubtful, "差額;;10;"},
		{Doubtful, "Endsaldo;;10;"}, {Doubtful, "Alter Kontostand:;;'10.000,00;"}, {Doubtful, "Saldo final;;10;"}, {Doubtful, "Available balance (EUR);;10;"},
		{Record, "Endsaldo;one;10;"}, {Record, "Kontostandsabfrage;;10;"}, {Record, "New Balance shoes;;10;"}, {Record, "Kontostand;;;"},
		{Doubtful, "Budget;;10;"}, {Doubtful, "VAT 19%;;10;"}, {Doubtful, "Vorjahr;;10;"}, {Doubtful, "Übertrag:;;10;"}, {Doubtful, "in %;;10;"}, {Doubtful, "Δ;;10;"},
		{Record, "Difference;;;"}, {Record, "Difference;one;10;"}, {Record, "Differential;;10;"}, {Record, "Budget;;;"}, {Record, "Budgetary control;;10;"}, {Record, "Targets;;10;"},
		{Record, "Target Corp;;10;"}, {Record, "Restaurant;;10;"}, {Record, "Difference-1;;10;"}, {Record, "Network;;10;"},
		{Doubtful, "Number of employees: 3;;;"}, {Doubtful, "Anzahl Mitarbeiter;;3;"}, {Doubtful, "(3 rows affected);;;"}, {Doubtful, "3 rows selected.;;;"}, {Doubtful, "Zeilen: 3;;;"}, {Doubtful, "Anzahl: 3;;;"}, {Doubtful, "Average = 5,2;;;"}, {Record, "Count Basie;;;"}, {Record, "Mittel 3;;;"},
		{Doubtful, "Showing 1 to 3 of 3 entries;;;"}, {Doubtful, "1-3 of 3 records;;;"}, {Doubtful, "Applied filters:\nQty is 3;;;"}, {Doubtful, "Last updated: 2026-01-01;;;"}, {Doubtful, "Fortsetzung auf Seite 2;;;"},
		{Record, "Number of the Beast;;;"}, {Record, "Item 3;;;"}, {Record, "3 items;Chair;;"}, {Record, "3 Musketeers;;;"}, {Record, "Anzahlung;;3;"}, {Record, "Row 3 items;;3;"}, {Record, "Rows;;3;"},
		{Doubtful, "Margin;;10|C6-C5;"}, {Doubtful, "Margin;;10|IF($C$5=0,0,C6/C5-1);"}, {Doubtful, "Margin;;10|C6*1.19;"}, {Record, "Margin;;10|C6;"}, {Record, "Margin;;10|C6-C7;"}, {Record, "Margin;;10|C6-Rate;"},
		{Record, "Margin;;10|C6-Data!C5;"}, {Record, "Margin;;10|C6-C1;"}, {Record, "Margin;one;10|C6-C5;"}, {Record, "Margin;;10|RAND()*2;"}, {Record, "A9;;10|C6-C5;"},

		{Totals, "Average;;10|AVERAGE(C2:C6);"}, {Totals, ";;10|MAX(C2:C6);"}, {Totals, "Median;;10|MEDIAN(C2:C6);"}, {Doubtful, "North;;10|COUNT(C2:C6);"},
	} {
		s := New(1, columns(), nil)
		for n := range 5 {
			judge(s, n+2, "K"+strconv.Itoa(n), "name", "1", "x")
		}
		if got := judge(s, 7, strings.Split(test.row, ";")...); got != test.want {
			t.Errorf("%q is a %s, want %s", test.row, names[got], names[test.want])
		}
	}
}

// TestSummariesNeedMoreEvidence checks labels that are also names, in rows that lack nothing that all records have.
func TestSummariesNeedMoreEvidence(t *testing.T) {
	for row, want := range map[string]Kind{"Budget;;10;": Record, "Budget remaining;;10;": Record, "Margin;;10|C3-C2;": Record, "Difference;;10;": Doubtful, "Change %:;;10;": Doubtful} {
		s := New(1, columns(), nil)
		judge(s, 2, "K1", "name", "1", "x")
		judge(s, 3, "K2", "", "1", "")
		if got := judge(s, 4, strings.Split(row, ";")...); got != want {
			t.Errorf("%q is a %s, want %s", row, names[got], names[want])
		}
		s = New(1, columns(), nil)
		judge(s, 2, "K1", "name", "1", "x")
		if got := judge(s, 3, strings.Split(row, ";")...); got != want {
			t.Errorf("after one record, %q is a %s, want %s", row, names[got], names[want])
		}
	}
}

func TestHintsAreFoundBelowHeadersOnly(t *testing.T) {
	for row, want := range map[string]Kind{
		"text, required;free text;number;": Doubtful, "required;optional;optional;optional": Doubtful, "text;text;number;text": Doubtful,
		"e.g. A1;e.g. Chair;5;": Record, "e.g. A1;e.g. Chair;;": Doubtful, "(max. 40 characters);;;": Doubtful, "Pflichtfeld;Text;Zahl;": Doubtful,
		"[code];[name];;": Doubtful, "1;2;3;4": Doubtful, "1;Chair;3;4": Record, "text;Text;;": Record, "Number;;;": Record, "A1;required;1;": Record,
		"varchar(40);varchar;int;": Doubtful, "Date;;;": Record, "'1;'2;'3;'4": Doubtful, "A;B;C;D": Doubtful, "a;b;c;d": Doubtful, "a;b;c;": Record, "A;B;;": Record, "y;n;y;y": Record, "Yes;no;YES;": Record, "ja;nein;ja;ja": Record,
		"t;b;a;z": Record, "true;FALSE;true;": Record, "y/n;Y/N;yes or no;": Doubtful, "text;number;yes;": Doubtful, "z. B. A1;z.B. Stuhl;;": Doubtful, "A;C;B;D": Record, "A;b;3;": Record,
		"Example;Chair;5;x": Doubtful, "Beispiel:;Stuhl;5;x": Doubtful, "Example 1;Chair;5;x": Doubtful, "Examples of work;Book;5;x": Record, "K1;Example;5;x": Record,
	} {
		s := New(1, columns(), nil)
		if got := judge(s, 2, strings.Split(row, ";")...); got != want {
			t.Errorf("%q is a %s, want %s", row, names[got], names[want])
		}
		s = New(1, columns(), nil)
		judge(s, 2, "K1", "name", "1", "x")
		if got := judge(s, 3, strings.Split(row, ";")...); got != Record {
			t.Errorf("after a record, %q is a %s", row, names[got])
		}
	}
}

func TestTablesHaveHeadersAndTotals(t *testing.T) {
	table := func(first, last int32, headers, totals int32) source.Table {
		return source.Table{Range: source.Range{FirstRow: first, LastRow: last, FirstCol: 1, LastCol: 4}, HeaderRows: headers, TotalsRows: totals}
	}
	elsewhere := source.Table{Range: source.Range{FirstRow: 1, LastRow: 9, FirstCol: 9, LastCol: 10}, HeaderRows: 1, TotalsRows: 1}
	s := New(1, columns(), []source.Table{table(8, 11, 1, 1), elsewhere, table(1, 5, 1, 2)})
	want := []Kind{2: Record, 3: Record, 4: Totals, 5: Totals, 6: Record, 7: Record, 8: Header, 9: Record, 10: Record, 11: Totals, 12: Record}
	for row := 2; row < len(want); row++ {
		values := []string{"K" + strconv.Itoa(row), "x", "1", "y"}
		if row == 8 {
			values = []string{"Code", "Name", "Qty", "Note"}
		}
		if got := judge(s, row, values...); got != want[row] {
			t.Errorf("row %d is a %s, want %s", row, names[got], names[want[row]])
		}
	}
	if other, below := s.OtherTable(), s.BelowTable(); other.Count != 2 || other.First[0] != 9 || below.Count != 3 || below.First[2] != 12 {
		t.Errorf("%+v in other tables, %+v below", other, below)
	}
	if totals := s.OfKind(Totals); totals.Count != 3 {
		t.Errorf("%+v are totals", totals)
	}
}

func TestRowsOfTableWithOtherHeadersAreDoubtful(t *testing.T) {
	s := New(1, columns(), []source.Table{{Range: source.Range{FirstRow: 3, LastRow: 5, FirstCol: 2, LastCol: 3}, HeaderRows: 1}})
	want := []Kind{2: Record, 3: Header, 4: Doubtful, 5: Doubtful, 6: Record}
	for row := 2; row < len(want); row++ {
		if got := judge(s, row, "K"+strconv.Itoa(row), "x", "1", "y"); got != want[row] {
			t.Errorf("row %d is a %s, want %s", row, names[got], names[want[row]])
		}
	}
}

func TestFewSparseRowsAreCounted(t *testing.T) {
	for _, test := range []struct{ full, sparse, want int }{{100, 3, 3}, {5, 2, 2}, {2, 2, 2}, {2, 5, 5}, {100, 60, 60}, {0, 5, 0}, {0, 1, 0}, {400, 15, 15}} {
		s := New(1, columns(), nil)
		for n := range test.full {
			judge(s, n+2, "K"+strconv.Itoa(n), "name", "1", "x")
		}
		for n := range test.sparse {
			judge(s, 1000+n, "S"+strconv.Itoa(n), "", "", "")
		}
		if got := s.Sparse(); int(got.Count) != test.want || len(got.First) != min(test.want, maxFirst) {
			t.Errorf("%d of %d: %+v", test.sparse, test.full, got)
		}
	}
}

// TestManySparseRowsAreNormal checks rows with one value between other records. Only those at the end are counted.
func TestManySparseRowsAreNormal(t *testing.T) {
	s := New(1, columns(), nil)
	row := 1
	add := func(values ...string) {
		row++
		judge(s, row, append([]string{"K" + strconv.Itoa(row)}, values...)...)
	}
	for range 50 {
		add("name", "1", "x")
		add("", "", "")
	}
	for n := range uint32(7) {
		want := n + 1
		if want < minLastSparse {
			want = 0
		}
		if got := s.Sparse(); got.Count != want || want > 0 && got.First[0] != 101 {
			t.Errorf("%d more: %+v, want %d", n, got, want)
		}
		add("", "", "")
	}
}

// TestRecordsBelowSimilarHeadersAreRecords repeats the headers with another name of one column.
func TestRecordsBelowSimilarHeadersAreRecords(t *testing.T) {
	s := New(1, columns(), nil)
	judge(s, 2, "K1", "name", "1", "x")
	want := [2]Kind{Doubtful, Record}
	if got := [2]Kind{judge(s, 4, "Code", "Full name", "Qty", "Note"), judge(s, 5, "K2", "name", "1", "x")}; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHeadersOfAnotherTableAreDoubtful(t *testing.T) {
	for _, test := range []struct {
		header string
		at     int
		want   Kind
	}{
		{"Code;City;;", 9, Doubtful}, {"CODE;City of birth;Mayor;", 9, Doubtful}, {"Code;City;;", 8, Record}, {"Code;5;;", 9, Record},
		{"Code;'03.04.2025;;", 9, Record}, {"Codes;City;;", 9, Record}, {"K9;City;;", 9, Record},
	} {
		s := New(1, columns(), nil)
		for row := 2; row < 8; row++ {
			judge(s, row, "K"+strconv.Itoa(row), "name", "1", "x")
		}
		want := [3]Kind{test.want, test.want, Record} // the third one is below an empty row
		got := [3]Kind{judge(s, test.at, strings.Split(test.header, ";")...), judge(s, test.at+1, "X1", "Berlin", "", ""), judge(s, test.at+3, "K9", "name", "", "")}
		if got != want {
			t.Errorf("%q in row %d: %v, want %v", test.header, test.at, got, want)
		}
	}
}

func TestJudgingAllocatesNothing(t *testing.T) {
	s := New(1, columns(), nil)
	text := func(col int, value string) source.Cell {
		return source.Cell{Col: col, Kind: source.Text, Text: []byte(value)}
	}
	r := &Row{Row: source.Row{Number: 9}, Filled: 3, Typed: true,
		Values: []source.Cell{text(1, "Subterfuge"), {Col: 2}, {Col: 3, Kind: source.Number, Text: []byte("12")}, {Col: 4, Kind: source.Number, Text: []byte("12")}}}
	judge(s, 2, "K1", "name", "1", "x")
	if n := testing.AllocsPerRun(100, func() { s.Judge(r, nil) }); n > 0 {
		t.Errorf("%v allocations per row", n)
	}
}
