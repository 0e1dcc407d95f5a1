package csv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/csv"
)

// read returns the rows of a file as texts, each with its line and its damage: "3: a|b|c" and "4 extra: a|b|c".
func read(t testing.TB, file string, hints source.Hints, limits source.Limits) (format source.TextFormat, rows []string, err error) {
	t.Helper()
	book, err := csv.Opener{}.WithHints(hints).Open(context.Background(), strings.NewReader(file), int64(len(file)), limits)
	if err != nil {
		return format, nil, err
	}
	defer book.Close()
	format, _ = source.TextFormatOf(book)
	r, err := book.Rows(context.Background(), book.Sheets()[0].Name)
	if err != nil {
		return format, nil, err
	}
	defer r.Close()
	for r.Next() {
		rows = append(rows, describe(r.Row()))
	}
	return format, rows, r.Err()
}

func describe(row source.Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", row.Number)
	if row.Misread != source.AsWritten {
		b.WriteString(" " + [...]string{"", "missing", "extra", "other", "quote", "unclear", "garbled"}[row.Misread])
	}
	b.WriteString(": ")
	col := 1
	for _, c := range row.Cells {
		for ; col < c.Col; col++ {
			b.WriteByte('|')
		}
		b.Write(c.Text)
	}
	return b.String()
}

func wantRows(t *testing.T, file string, want ...string) source.TextFormat {
	t.Helper()
	format, got, err := read(t, file, source.Hints{}, source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the rows are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return format
}

// TestSpectrum has the cases of csv-spectrum (BSD-2-Clause, Max Ogden).
func TestSpectrum(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"comma in quotes": {"first,last,address,city,zip\nJohn,Doe,120 any st.,\"Anytown, WW\",08123\n",
			[]string{"1: first|last|address|city|zip", "2: John|Doe|120 any st.|Anytown, WW|08123"}},
		"empty":          {"a,b,c\n1,\"\",\"\"\n2,3,4\n", []string{"1: a|b|c", "2: 1", "3: 2|3|4"}},
		"empty, CRLF":    {"a,b,c\r\n1,\"\",\"\"\r\n2,3,4\r\n", []string{"1: a|b|c", "2: 1", "3: 2|3|4"}},
		"escaped quotes": {"a,b\n1,\"ha \"\"ha\"\" ha\"\n3,4\n", []string{"1: a|b", `2: 1|ha "ha" ha`, "3: 3|4"}},
		"json": {"key,val\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"coordinates\"\": [102.0, 0.5]}\"\n",
			[]string{"1: key|val", `2: 1|{"type": "Point", "coordinates": [102.0, 0.5]}`}},
		"newlines":            {"a,b,c\n1,2,3\n\"Once upon \na time\",5,6\n7,8,9\n", []string{"1: a|b|c", "2: 1|2|3", "3: Once upon \na time|5|6", "5: 7|8|9"}},
		"newlines, CRLF":      {"a,b,c\r\n1,2,3\r\n\"Once upon \r\na time\",5,6\r\n7,8,9\r\n", []string{"1: a|b|c", "2: 1|2|3", "3: Once upon \r\na time|5|6", "5: 7|8|9"}},
		"quotes and newlines": {"a,b\n1,\"ha \n\"\"ha\"\" \nha\"\n3,4\n", []string{"1: a|b", "2: 1|ha \n\"ha\" \nha", "5: 3|4"}},
		"simple":              {"a,b,c\n1,2,3\n", []string{"1: a|b|c", "2: 1|2|3"}},
		"simple, CRLF":        {"a,b,c\r\n1,2,3\r\n", []string{"1: a|b|c", "2: 1|2|3"}},
		"UTF-8":               {"a,b,c\n1,2,3\n4,5,ʤ\n", []string{"1: a|b|c", "2: 1|2|3", "3: 4|5|ʤ"}},
		"coordinates": {"lat,long,name\n-122.42,37.77,\"San Francisco, CA\"\n-0.13,51.5,London\n",
			[]string{"1: lat|long|name", "2: -122.42|37.77|San Francisco, CA", "3: -0.13|51.5|London"}},
	} {
		t.Run(name, func(t *testing.T) { wantRows(t, c.file, c.want...) })
	}
}

func TestDialectsAreRecognized(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want source.TextFormat
		row  string // the last one
	}{
		"semicolon with decimal commas": {"Name;Preis;Anzahl\nSchraube;1,50;12\nMutter;0,25;100\n", source.TextFormat{Delimiter: ";", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 3}, "3: Mutter|0,25|100"},
		"tab":                           {"id\tname\tcity\r\n1\tAnn, Dr.\tBonn\r\n2\tBob\tKiel\r\n", source.TextFormat{Delimiter: "\t", Quote: `"`, Escape: `"`, LineBreak: "CRLF", Columns: 3}, "3: 2|Bob|Kiel"},
		"pipe":                          {"id|when|note\n1|2024-01-02 10:00|a, b\n2|2024-01-03 11:30|c\n", source.TextFormat{Delimiter: "|", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 3}, "3: 2|2024-01-03 11:30|c"},
		"single quotes":                 {"id,'name',city\n1,'Doe, Jo',Bonn\n2,'Poe, Al',Kiel\n", source.TextFormat{Delimiter: ",", Quote: "'", Escape: "'", LineBreak: "LF", Columns: 3}, "3: 2|Poe, Al|Kiel"},
		"backslash":                     {"id,name\n1,\"say \\\"hi\\\", Jo\"\n2,\"a \\\\ b\"\n", source.TextFormat{Delimiter: ",", Quote: `"`, Escape: `\`, LineBreak: "LF", Columns: 2}, `3: 2|a \ b`},
		"blanks after commas":           {"id, name, city\n1, \"Doe, Jo\", Bonn\n2, Al, Kiel\n", source.TextFormat{Delimiter: ",", Quote: `"`, Escape: `"`, LineBreak: "LF", SkipBlanks: true, Columns: 3}, "3: 2|Al|Kiel"},
		"carriage returns":              {"id,name\r1,Ann\r2,Bob\r", source.TextFormat{Delimiter: ",", Quote: `"`, Escape: `"`, LineBreak: "CR", Columns: 2}, "3: 2|Bob"},
		"one column":                    {"code\nA1\nA2\n", source.TextFormat{Delimiter: "none", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 1}, "3: A2"},
		"one column of words":           {"Kind\nMPEG audio file\nPNG image file\nZIP archive file\nISO disk image\n", source.TextFormat{Delimiter: "none", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 1}, "5: ISO disk image"},
		"one column of names":           {"Name\nAnn Ames\nBob Bond\nEve Earl\n", source.TextFormat{Delimiter: "none", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 1}, "4: Eve Earl"},
		"one column of moments":         {"When\n2024-01-02 10:00\n2024-01-03 11:30\n2024-02-03 09:10\n", source.TextFormat{Delimiter: "none", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 1}, "4: 2024-02-03 09:10"},
		"blanks":                        {"x y z\n1 2.5 a\n2 3.5 b\n3 4.5 c\n", source.TextFormat{Delimiter: " ", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 3}, "4: 3|4.5|c"},
		"declared by Excel":             {"sep=;\r\na;b,c\r\n1;2,5\r\n", source.TextFormat{Delimiter: ";", Quote: `"`, Escape: `"`, LineBreak: "CRLF", Columns: 2}, "3: 1|2,5"},
		"a byte order mark":             {"\xEF\xBB\xBFa;b\n1;2\n", source.TextFormat{Delimiter: ";", Quote: `"`, Escape: `"`, LineBreak: "LF", ByteOrderMark: true, Columns: 2}, "2: 1|2"},
		"two tables":                    {"a,b\n1,2\n3,4\n5,6\n\na,b,c\n1,2,x\n3,4,y\n", source.TextFormat{Delimiter: ",", Quote: `"`, Escape: `"`, LineBreak: "LF", Columns: 2}, "8 unclear: 3|4|y"},
	} {
		t.Run(name, func(t *testing.T) {
			format, rows, err := read(t, c.file, source.Hints{}, source.Limits{})
			c.want.Encoding = "UTF-8"
			if err != nil || format != c.want {
				t.Errorf("the format is %+v, want %+v; %v", format, c.want, err)
			}
			if len(rows) == 0 || rows[len(rows)-1] != c.row {
				t.Errorf("the rows are %q, want the last to be %q", rows, c.row)
			}
		})
	}
}

func TestEncodingsAreRecognized(t *testing.T) {
	long := strings.Repeat("1,plain\n", 100_000)
	for name, c := range map[string]struct {
		encoding encoding.Encoding
		text     string
	}{
		"UTF-8":        {encoding.Nop, "Größe,Straße,ʤ"},
		"UTF-16LE":     {unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "Größe,Straße,名前"},
		"UTF-16BE":     {unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "Größe,Straße,city"},
		"windows-1252": {charmap.Windows1252, "Größe,Müller – Köln,François"},
		"windows-1250": {charmap.Windows1250, "Łódź,Kraków – ulica Świętokrzyska,Příbram"},
		"windows-1251": {charmap.Windows1251, "Москва,улица Ленина,Иванов"},
		"windows-1253": {charmap.Windows1253, "Αθήνα,Οδός Ερμού,Παπαδόπουλος"},
		"windows-1254": {charmap.Windows1254, "İstanbul,Çağdaş Yılmaz,Şişli"},
		"Shift_JIS":    {japanese.ShiftJIS, "名前,東京都港区,たなか"},
		"GB18030":      {simplifiedchinese.GB18030, "姓名,北京市朝阳区,电话号码"},
	} {
		for _, before := range []string{"", long} {
			t.Run(fmt.Sprintf("%s after %d bytes", name, len(before)), func(t *testing.T) {
				if strings.HasPrefix(name, "UTF-16") {
					before = ""
				}
				text := strings.ReplaceAll(before, "plain", "plain,text") + "a,b,c\n" + c.text + "\n1,2,3\n"
				file, err := c.encoding.NewEncoder().String(text)
				if err != nil {
					t.Fatal(err)
				}
				format, rows, err := read(t, file, source.Hints{}, source.Limits{})
				if err != nil || format.Encoding != name {
					t.Fatalf("%+v, %v", format, err)
				}
				if _, got, _ := strings.Cut(rows[len(rows)-2], ": "); got != strings.ReplaceAll(c.text, ",", "|") {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// people is a table with a key, a date, a price, and texts.
func people(damaged ...string) string {
	var b strings.Builder
	b.WriteString("id,hired,fee,name,site\n")
	for i := range 30 {
		fmt.Fprintf(&b, "A-%03d,2024-%02d-%02d,$%d.%02d,%s %s,\"https://example.com/%d.html\"\n", i, i%12+1, i%28+1, 10+i, i,
			[]string{"Ann", "Bob", "Eve", "Tom"}[i%4], []string{"Berg", "Stein", "Wald"}[i%3], i)
	}
	for _, line := range damaged {
		b.WriteString(line + "\n")
	}
	b.WriteString("A-999,2024-01-31,$9.75,Ida Feld,\"https://example.com/999.html\"\n")
	return b.String()
}

func TestDamagedLinesAreRepairedAndMarked(t *testing.T) {
	const want = `A-100|2024-05-06|$12.50|Pat Hill|https://example.com/100.html`
	for name, c := range map[string]struct{ line, want string }{
		"separator missing":        {`A-100,2024-05-06$12.50,Pat Hill,"https://example.com/100.html"`, "32 missing: " + want},
		"separator missing, quote": {`A-100,2024-05-06,$12.50,Pat Hill"https://example.com/100.html"`, "32 missing: " + want},
		"separator extra":          {`A-100,,2024-05-06,$12.50,Pat Hill,"https://example.com/100.html"`, "32 extra: " + want},
		"separator first":          {`,A-100,2024-05-06,$12.50,Pat Hill,"https://example.com/100.html"`, "32 extra: " + want},
		"another separator":        {`A-100;2024-05-06;$12.50;Pat Hill;"https://example.com/100.html"`, "32 other: " + want},
		"blanks as separators":     {`A-100 2024-05-06 $12.50 Pat Hill "https://example.com/100.html"`, "32 other: " + want},
		"quote before a value":     {`A-100,"2024-05-06,$12.50,Pat Hill,"https://example.com/100.html"`, `32 quote: A-100|"2024-05-06|$12.50|Pat Hill|https://example.com/100.html`},
		"quote twice":              {`A-100,2024-05-06,$12.50,Pat Hill,""https://example.com/100.html"`, `32 quote: A-100|2024-05-06|$12.50|Pat Hill|"https://example.com/100.html`},
		"no reading fits":          {`x,y`, "32 unclear: x|y"},
		"a footnote":               {`Source: the registry`, "32: Source: the registry"},
		"separators at the end":    {`A-100,2024-05-06,$12.50,Pat Hill,"https://example.com/100.html",,,`, "32: " + want},
		"undamaged":                {`A-100,2024-05-06,$12.50,Pat Hill,"https://example.com/100.html"`, "32: " + want},
	} {
		t.Run(name, func(t *testing.T) {
			_, rows, err := read(t, people(c.line), source.Hints{}, source.Limits{})
			if err != nil || len(rows) != 33 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			if rows[31] != c.want {
				t.Errorf("got  %s\nwant %s", rows[31], c.want)
			}
			if want := "33: A-999|2024-01-31|$9.75|Ida Feld|https://example.com/999.html"; rows[32] != want {
				t.Errorf("the next row is %q", rows[32])
			}
		})
	}
}

func TestOpenQuoteDoesNotHideRows(t *testing.T) {
	_, rows, err := read(t, people(`A-100,2024-05-06,$12.50,"Pat Hill,x`), source.Hints{}, source.Limits{})
	if err != nil || len(rows) != 33 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
}

func TestUserOverridesFormat(t *testing.T) {
	file := "a;b,c\n1;2,3\n"
	hints := source.Hints{FileName: "x/../Plan [a].csv", Text: source.TextFormat{Delimiter: "comma", Encoding: "latin1"}}
	format, rows, err := read(t, file, hints, source.Limits{})
	if err != nil || format.Delimiter != "," || format.Encoding != "windows-1252" || rows[1] != "2: 1;2|3" {
		t.Errorf("%+v, %q, %v", format, rows, err)
	}
	for _, bad := range []source.TextFormat{{Delimiter: "xx"}, {Delimiter: "a"}, {Quote: "x"}, {Escape: "x"}, {LineBreak: "x"}, {Encoding: "morse"}} {
		if _, _, err := read(t, file, source.Hints{Text: bad}, source.Limits{}); !errors.Is(err, source.ErrTextFormat) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestRecognizedFormatReadsSameRows(t *testing.T) {
	for _, file := range []string{people("A-100,2024-05-06$12.50,Pat Hill,x"), "sep=|\na|b\n1|2\n", "a;'b'\n1;'x;y'\n"} {
		format, want, err := read(t, file, source.Hints{}, source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		again, got, err := read(t, file, source.Hints{Text: format}, source.Limits{})
		if err != nil || again != format || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%+v reads %q, want %q; %v", again, got, want, err)
		}
	}
}

func TestBytesOutsideEncodingMarkRow(t *testing.T) {
	file := "a,b\n" + strings.Repeat("é,2\n", 100_000) + "x,\xFF\n1,2\n"
	_, rows, err := read(t, file, source.Hints{}, source.Limits{})
	if err != nil || rows[100_001] != "100002 garbled: x|\uFFFD" || rows[100_002] != "100003: 1|2" {
		t.Errorf("%q, %v", rows[len(rows)-2:], err)
	}
}

func TestControlsOfWindowsAreCharacters(t *testing.T) {
	wantRows(t, "a,b\nK\u00F6ln \u0096 Mitte,\u0080 5\n", "1: a|b", "2: Köln – Mitte|€ 5")
}

func TestLimitsOfTextFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		limits source.Limits
	}{
		"lines":   {"a,b\n1,2\n3,4\n", source.Limits{MaxLines: 2}},
		"columns": {"a,b\n1,2\n3,4,5,6\n", source.Limits{MaxColumns: 3}},
		"bytes":   {"a,b\n1,2\n" + strings.Repeat("x", 600_000) + ",4\n", source.Limits{MaxRowBytes: 300_000}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(t, c.file, source.Hints{}, c.limits)
			if source.ReasonOf(err) != source.LimitExceeded {
				t.Errorf("got %v", err)
			}
		})
	}
}

// budget is a memory budget in bytes.
type budget struct{ left, used int64 }

var errNoMemory = errors.New("no memory")

func (b *budget) Grow(n int64) error {
	if n > b.left {
		return errNoMemory
	}
	b.left -= n
	b.used += n
	return nil
}

func (b *budget) Shrink(n int64) { b.left += n; b.used -= n }

func TestMemoryIsReservedAndReturned(t *testing.T) {
	file := "a,b\n1,2\n" + strings.Repeat("x", 4<<20) + ",4\n"
	memory := &budget{left: 64 << 20}
	if _, _, err := read(t, file, source.Hints{}, source.Limits{Memory: memory}); err != nil || memory.used != 0 {
		t.Errorf("%d bytes were not returned, %v", memory.used, err)
	}
	small := &budget{left: 5 << 20}
	if _, _, err := read(t, file, source.Hints{}, source.Limits{Memory: small}); !errors.Is(err, errNoMemory) || small.used != 0 {
		t.Errorf("%d bytes were not returned, %v", small.used, err)
	}
}

func TestOtherFilesAreNotTables(t *testing.T) {
	for name, file := range map[string]string{
		"a web page": "<!DOCTYPE html><table><tr><td>1</td></tr></table>", "JSON": `{"a": [1, 2]}`, "indented JSON": "[\n  {\"a\": 1}\n]", "XML": "<?xml version=\"1.0\"?><a/>",
		"a picture": "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a workbook": "PK\x03\x04\x14\x00", "blanks": "  \n\n", "nothing": "",
		"a letter": "Dear Ann, this is only a letter, and it has no values at all.",
	} {
		if (csv.Opener{}).Detect([]byte(file)) {
			t.Errorf("%s is a table", name)
		}
	}
	for name, file := range map[string]string{
		"headers": "First name,Last name,Date of birth", "UTF-16": "\xFF\xFEa\x00;\x00b\x00", "a list": "code\nA1\n", "Latin-1": "Stra\xDFe;Ort\n",
		"long texts": "id;text\n1;This is a long text with many words\n",
	} {
		if !(csv.Opener{}).Detect([]byte(file)) {
			t.Errorf("%s is not a table", name)
		}
	}
}

// TestTextsWrittenAsFormulasAreTexts has cells that exports write for Excel, which would otherwise remove zeros.
func TestTextsWrittenAsFormulasAreTexts(t *testing.T) {
	wantRows(t, "code;zip;sum\n=\"0017\";=\"01067\";=1+2\n\"=\"\"0018\"\"\";=\"\";=\"a\"&\"b\"\n", "1: code|zip|sum", "2: 0017|01067|=1+2", "3: 0018||=\"a\"&\"b\"")
}

// TestShortTableBelowPreambleIsTheTable has more lines above the table than in it, as a bank statement of a quiet month has.
func TestShortTableBelowPreambleIsTheTable(t *testing.T) {
	text := "\"Account:\";\"DE02 / Giro\";\n\n\"From:\";\"01.02.2026\";\n\"To:\";\"28.02.2026\";\n\"Balance:\";\"1.234,56 EUR\";\n\n" +
		"\"Day\";\"Value\";\"Kind\";\"Partner\";\"Purpose\";\"IBAN\";\"Amount\";\n" +
		"\"27.02.2026\";\"27.02.2026\";\"Debit\";\"Water works\";\"Rate 02/2026\";\"DE02500105170137075030\";\"-95,00\";\n" +
		"\"03.02.2026\";\"03.02.2026\";\"Credit\";\"Big & Sons; Ltd\";\"Invoice \"\"4711\"\"\";\"DE02300209000106531065\";\"1.250,00\";\n"
	wantRows(t, text, "1: Account:|DE02 / Giro", "3: From:|01.02.2026", "4: To:|28.02.2026", "5: Balance:|1.234,56 EUR",
		"7: Day|Value|Kind|Partner|Purpose|IBAN|Amount",
		"8: 27.02.2026|27.02.2026|Debit|Water works|Rate 02/2026|DE02500105170137075030|-95,00",
		"9: 03.02.2026|03.02.2026|Credit|Big & Sons; Ltd|Invoice \"4711\"|DE02300209000106531065|1.250,00")
}

func TestQuotedTextsInOneColumnAreNotSplit(t *testing.T) {
	wantRows(t, "\"#DIV/0!\"\n\"#NAME?\"\n\"a # b\"\n\"c * d\"\n", "1: #DIV/0!", "2: #NAME?", "3: a # b", "4: c * d")
}

// TestDrawnLinesDoNotHideDelimiter has a list as programs print it, with a title and lines of dashes.
func TestDrawnLinesDoNotHideDelimiter(t *testing.T) {
	line := strings.Repeat("-", 40) + "\n"
	text := "03.03.2026          List Display           1\n" + line + "\nPersonnel list     Key date 01.03.2026\n\n" + line +
		"|Pers.No.|Name       |Entry     |Sal.     |\n" + line +
		"|00100601|Tina Lorenz|01.02.2019|38.500,00|\n|00100602|Udo Maier  |15.10.2020|41.000,00|\n" + line
	if format, _, err := read(t, text, source.Hints{}, source.Limits{}); err != nil || format.Delimiter != "|" {
		t.Errorf("the delimiter is %q: %v", format.Delimiter, err)
	}
}
