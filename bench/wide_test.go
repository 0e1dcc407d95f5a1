package bench

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
)

const wideSchema = `
name: wide
title: Wide
sheets:
  - name: employees
    title: Employees
    table: wide_employees
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true, pattern: "[0-9]{8}"}
      - {name: name, title: Name, type: text, required: true, max_length: 120}
      - {name: mail, title: Mail, type: email, required: true}
      - {name: phone, title: Phone, type: phone}
      - {name: team, title: Team, type: text, required: true}
      - {name: grade, title: Grade, type: integer, min: 1, max: 20}
      - {name: born, title: Born, type: date, required: true}
      - {name: salary, title: Salary, type: decimal, min: 0}
      - {name: active, title: Active, type: boolean}
      - {name: city, title: City, type: text}
`

// wideKind is the kind of rows in a wide workbook.
type wideKind int

const (
	// inOrder means correct rows with ascending keys.
	inOrder wideKind = iota
	// atRandom means that the keys are in random order.
	atRandom
	// allWrong means that a cell of each row has an error.
	allWrong
	// tenthChanged is like inOrder, but every tenth salary is another.
	tenthChanged
)

// writeWide writes a workbook of n rows with ten columns and inline strings.
func writeWide(b *testing.B, path string, n int, kind wideKind) {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	z := zip.NewWriter(file)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	part := func(name, content string) io.Writer {
		w, err := z.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			b.Fatal(err)
		}
		return w
	}
	part("[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`)
	part("_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`)
	part("xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="s.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`)
	part("xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Employees" sheetId="1" r:id="r1"/></sheets></workbook>`)
	part("xl/styles.xml", `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`)
	w := bufio.NewWriterSize(part("xl/s.xml", `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`), 1<<16)
	text := func(col string, row int, s string) {
		fmt.Fprintf(w, `<c r="%s%d" t="inlineStr"><is><t>%s</t></is></c>`, col, row, s)
	}
	fmt.Fprint(w, `<row r="1">`)
	for i, header := range []string{"ID", "Name", "Mail", "Phone", "Team", "Grade", "Born", "Salary", "Active", "City"} {
		text(string(rune('A'+i)), 1, header)
	}
	fmt.Fprint(w, `</row>`)
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for i := range n {
		row, id := i+2, i
		if kind == atRandom {
			id = order[i]
		}
		fmt.Fprintf(w, `<row r="%d">`, row)
		text("A", row, fmt.Sprintf("%08d", id))
		text("B", row, fmt.Sprintf("Person Number %d", id))
		text("C", row, fmt.Sprintf("person.%d@example.org", id))
		text("D", row, fmt.Sprintf("+49 30 %07d", id))
		text("E", row, fmt.Sprintf("T-%03d", id%400))
		fmt.Fprintf(w, `<c r="F%d"><v>%d</v></c><c r="G%d" s="1"><v>%d</v></c>`, row, id%20+1, row, 30000+id%10000)
		switch {
		case kind == allWrong:
			text("H", row, "by agreement")
		case kind == tenthChanged && i%10 == 0:
			fmt.Fprintf(w, `<c r="H%d"><v>%d.5</v></c>`, row, 90000+id%50000)
		default:
			fmt.Fprintf(w, `<c r="H%d"><v>%d.%02d</v></c>`, row, 30000+id%50000, id%100)
		}
		fmt.Fprintf(w, `<c r="I%d" t="b"><v>%d</v></c>`, row, id%2)
		text("J", row, "Springfield")
		fmt.Fprint(w, `</row>`)
	}
	fmt.Fprint(w, `</sheetData></worksheet>`)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
}

// writeWideCSV writes the rows of writeWide, in order, as a text file.
func writeWideCSV(b *testing.B, path string, n int) {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<16)
	fmt.Fprintln(w, "ID,Name,Mail,Phone,Team,Grade,Born,Salary,Active,City")
	first := time.Date(1982, 2, 18, 0, 0, 0, 0, time.UTC)
	for id := range n {
		fmt.Fprintf(w, "%08d,Person Number %d,person.%d@example.org,+49 30 %07d,T-%03d,%d,%s,%d.%02d,%t,Springfield\n", id, id, id, id, id%400, id%20+1,
			first.AddDate(0, 0, id%10000).Format(time.DateOnly), 30000+id%50000, id%100, id%2 == 1)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}
