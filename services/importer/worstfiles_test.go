package importer_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
)

// worstFile is a kind of file that needs much memory.
type worstFile struct {
	name  string
	build func(*testing.T) []byte
	// refused are the reasons, other than OVERLOADED, for which the file can be refused.
	refused []errorsv1.ErrorReason
}

const (
	workbookLimit = errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_LIMIT
)

// worstFiles are the kinds. The ordinary test uses the first five.
var worstFiles = []worstFile{
	{"one string of 1 MiB in three columns of all rows", func(t *testing.T) []byte {
		return notesBook(t, 6000, func(add func(string)) { add(longText(1 << 20)) }, func(int) string { return thrice(0) })
	}, nil},
	{"a string table of 128 MiB", func(t *testing.T) []byte {
		text := longText(32_000)
		return notesBook(t, 4000, func(add func(string)) {
			for i := range 4000 {
				add(strconv.Itoa(i) + text)
			}
		}, sharedCell)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"texts of the maximum length in all cells", func(t *testing.T) []byte {
		return notesBook(t, 600, func(add func(string)) { add(longText(32_767)) }, func(int) string { return thrice(0) })
	}, nil},
	{"rows of 16,384 cells", func(t *testing.T) []byte {
		wide := strings.Repeat(`<c t="inlineStr"><is><t>`+longText(1000)+`</t></is></c>`, 16_000)
		return notesBook(t, 20, func(add func(string)) { add("x") }, func(int) string { return thrice(0) + wide })
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"16,380 headers of 250 letters", func(t *testing.T) []byte {
		var header strings.Builder
		for i := range 16_380 {
			fmt.Fprintf(&header, `<c t="inlineStr"><is><t>%d %s</t></is></c>`, i, longText(250))
		}
		return rawBook(t, header.String(), func(w io.Writer) {
			for i := range 1000 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c></row>`, i+2, i)
			}
		}, nil)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"20,000 strings of 32 KB", func(t *testing.T) []byte {
		text := longText(32_000)
		return notesBook(t, 20_000, func(add func(string)) {
			for i := range 20_000 {
				add(strconv.Itoa(i) + text)
			}
		}, sharedCell)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"a million keys of 60 letters", func(t *testing.T) []byte {
		random := rand.New(rand.NewPCG(3, 4))
		return rawBook(t, "", func(w io.Writer) {
			for i := range 1_000_000 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>%08x%052x</t></is></c></row>`, i+2, random.Uint32(), i)
			}
		}, nil)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"a million rows with three errors", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			for i := range 1_000_000 {
				fmt.Fprintf(w, `<row r="%d"><c r="B%d" t="e"><v>#N/A</v></c><c r="C%d" t="e"><v>#REF!</v></c></row>`, i+2, i+2, i+2)
			}
		}, nil)
	}, nil},
	{"a million merged ranges", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			for i := range 100_000 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c></row>`, i+2, i)
			}
		}, map[string]func(io.Writer){"merges": func(w io.Writer) {
			fmt.Fprint(w, "<mergeCells>")
			for i := range 1_000_000 {
				fmt.Fprintf(w, `<mergeCell ref="B%d:D%d"/>`, i+2, i+2)
			}
			fmt.Fprint(w, "</mergeCells>")
		}})
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"4,000 sheets", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			fmt.Fprint(w, `<row r="2"><c t="inlineStr"><is><t>k</t></is></c></row>`)
		}, map[string]func(io.Writer){"sheets": func(w io.Writer) {
			for i := range 4000 {
				fmt.Fprintf(w, `<sheet name="Sheet number %d of many" sheetId="%d" r:id="r1"/>`, i, i+10)
			}
		}})
	}, []errorsv1.ErrorReason{workbookLimit, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_DAMAGED}},
	{"600,000 styles with long formats", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			for i := range 1000 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr" s="%d"><is><t>k%d</t></is></c></row>`, i+2, i*600, i)
			}
		}, map[string]func(io.Writer){"xl/styles.xml": func(w io.Writer) {
			fmt.Fprint(w, `<styleSheet xmlns="`+spreadsheetML+`"><numFmts>`)
			for i := range 60_000 {
				fmt.Fprintf(w, `<numFmt numFmtId="%d" formatCode="0.00&quot;%d %s&quot;"/>`, 200+i, i, longText(200))
			}
			fmt.Fprint(w, `</numFmts><cellXfs>`)
			for i := range 600_000 {
				fmt.Fprintf(w, `<xf numFmtId="%d"/>`, 200+i%60_000)
			}
			fmt.Fprint(w, `</cellXfs></styleSheet>`)
		}})
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"80 MB of comments and names", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			for i := range 1000 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c></row>`, i+2, i)
			}
		}, map[string]func(io.Writer){"names": func(w io.Writer) {
			for i := range 50_000 {
				fmt.Fprintf(w, `<definedName name="n%d">%s</definedName>`, i, longText(500))
			}
		}, "xl/comments1.xml": func(w io.Writer) {
			fmt.Fprint(w, `<comments xmlns="`+spreadsheetML+`"><commentList>`)
			for i := range 1000 {
				fmt.Fprintf(w, `<comment ref="A%d"><text><t>%s</t></text></comment>`, i+2, longText(50_000))
			}
			fmt.Fprint(w, `</commentList></comments>`)
		}})
	}, []errorsv1.ErrorReason{workbookLimit}},
}

func sharedCell(i int) string { return fmt.Sprintf(`<c t="s"><v>%d</v></c>`, i) }
func thrice(i int) string     { return strings.Repeat(sharedCell(i), 3) }

var longTexts = rand.New(rand.NewPCG(1, 2))

// longText returns a text that compresses well, but less than the limit for zip bombs.
func longText(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%08x", longTexts.Uint32())
		b.WriteString(strings.Repeat("x", min(500, n)))
	}
	return b.String()[:n]
}

const (
	spreadsheetML = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relationships = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageML     = "http://schemas.openxmlformats.org/package/2006/"
)

// notesBook has a sheet Notes with rows whose last three cells have shared strings of the table.
func notesBook(t *testing.T, rows int, table func(add func(text string)), cells func(row int) string) []byte {
	t.Helper()
	return rawBook(t, "", func(w io.Writer) {
		for i := range rows {
			fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>n%d</t></is></c>%s</row>`, i+2, i, cells(i))
		}
	}, map[string]func(io.Writer){"xl/sharedStrings.xml": func(w io.Writer) {
		fmt.Fprint(w, `<sst xmlns="`+spreadsheetML+`">`)
		table(func(s string) { fmt.Fprint(w, "<si><t>"+s+"</t></si>") })
		fmt.Fprint(w, "</sst>")
	}})
}

// rawBook has a sheet Notes with more cells after its headers, and other parts. The parts sheets, names, and merges are added to
// the list of sheets, to the defined names, and after the rows.
func rawBook(t *testing.T, header string, rows func(io.Writer), parts map[string]func(io.Writer)) []byte {
	t.Helper()
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	part := func(name string, write ...func(io.Writer)) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		buffered := bufio.NewWriter(w)
		for _, write := range write {
			if write != nil {
				write(buffered)
			}
		}
		if err := buffered.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) func(io.Writer) { return func(w io.Writer) { fmt.Fprint(w, s) } }
	part("[Content_Types].xml", text(`<Types xmlns="`+packageML+`content-types"><Default Extension="xml" ContentType="application/xml"/>`+
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`))
	part("_rels/.rels", text(`<Relationships xmlns="`+packageML+`relationships"><Relationship Id="r1" Type="`+relationships+`/officeDocument" Target="xl/workbook.xml"/></Relationships>`))
	part("xl/workbook.xml", text(`<workbook xmlns="`+spreadsheetML+`" xmlns:r="`+relationships+`"><sheets><sheet name="Notes" sheetId="1" r:id="r1"/>`),
		parts["sheets"], text("</sheets><definedNames>"), parts["names"], text("</definedNames></workbook>"))
	related := `<Relationships xmlns="` + packageML + `relationships"><Relationship Id="r1" Type="` + relationships + `/worksheet" Target="worksheets/sheet1.xml"/>`
	for name, write := range parts {
		if strings.HasPrefix(name, "other/") {
			part(name, write)
		}
		if base, in := strings.CutPrefix(name, "xl/"); in {
			part(name, write)
			related += `<Relationship Id="` + strings.TrimSuffix(base, ".xml") + `" Type="` + relationships + "/" + strings.TrimRight(strings.TrimSuffix(base, ".xml"), "1") + `" Target="` + base + `"/>`
		}
	}
	part("xl/_rels/workbook.xml.rels", text(related+"</Relationships>"))
	part("xl/worksheets/sheet1.xml", func(w io.Writer) {
		fmt.Fprint(w, `<worksheet xmlns="`+spreadsheetML+`"><sheetData><row r="1">`)
		for _, title := range []string{"ID", "One", "Two", "Three"} {
			fmt.Fprint(w, `<c t="inlineStr"><is><t>`+title+`</t></is></c>`)
		}
		fmt.Fprint(w, header+"</row>")
		rows(w)
		fmt.Fprint(w, "</sheetData>")
		if write := parts["merges"]; write != nil {
			write(w)
		}
		fmt.Fprint(w, "</worksheet>")
	})
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
