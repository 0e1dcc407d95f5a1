package importer_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	errorsv1 "headway/gen/go/headway/errors/v1"
)

const workbookDamaged = errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_DAMAGED

// smallRows writes rows with a key and a text.
func smallRows(n int) func(io.Writer) {
	return func(w io.Writer) {
		for i := range n {
			fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c><c t="inlineStr"><is><t>x</t></is></c></row>`, i+2, i)
		}
	}
}

// repeated writes a text many times, with something between that hardly compresses, so that the ratio is not that of a bomb.
func repeated(w io.Writer, n int, text string) {
	for i := range n {
		if i%20_000 == 0 {
			fmt.Fprintf(w, "<!-- %s -->", longText(2000))
		}
		io.WriteString(w, text)
	}
}

// worstStructures are files whose structure, and not whose text, needs much memory or time. Only make memory imports them.
var worstStructures = []worstFile{
	{"a sheet that claims 17 billion cells", func(t *testing.T) []byte {
		return rawBook(t, "", smallRows(500), map[string]func(io.Writer){"merges": func(w io.Writer) {
			fmt.Fprint(w, `<dimension ref="A1:XFD1048576"/><sheetDimension ref="A1:XFD1048576"/>`)
		}})
	}, []errorsv1.ErrorReason{workbookDamaged}},
	{"numbers with enormous exponents", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			for i, exponent := range []string{"308", "309", "-400", "999", "99999", "999999999", "-999999999", "9223372036854775808", "99999999999999999999"} {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c><c><v>1E%s</v></c><c t="n"><v>-9.99e%s</v></c></row>`, i+2, i, exponent, exponent)
			}
		}, nil)
	}, nil},
	{"5,000 entries in the package", func(t *testing.T) []byte {
		parts := map[string]func(io.Writer){}
		for i := range 5000 {
			parts[fmt.Sprintf("other/%d.bin", i)] = func(io.Writer) {}
		}
		return rawBook(t, "", smallRows(500), parts)
	}, []errorsv1.ErrorReason{workbookLimit, workbookDamaged}},
	{"a part in UTF-16 with a comment of 8 MiB", func(t *testing.T) []byte {
		var text bytes.Buffer
		fmt.Fprint(&text, `<?xml version="1.0" encoding="UTF-16"?><sst xmlns="`+spreadsheetML+`"><!--`+strings.ReplaceAll(longText(8<<20), "-", "x")+`--><si><t>x</t></si></sst>`)
		return rawBook(t, "", func(w io.Writer) {
			for i := range 500 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c><c t="s"><v>0</v></c></row>`, i+2, i)
			}
		}, map[string]func(io.Writer){"xl/sharedStrings.xml": func(w io.Writer) {
			w.Write([]byte{0xff, 0xfe})
			for _, unit := range utf16.Encode([]rune(text.String())) {
				w.Write([]byte{byte(unit), byte(unit >> 8)})
			}
		}})
	}, []errorsv1.ErrorReason{workbookLimit, workbookDamaged}},
	{"elements that nest 100,000 deep", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			smallRows(100)(w)
			fmt.Fprint(w, `<row r="200"><c>`+strings.Repeat("<x>", 100_000)+strings.Repeat("</x>", 100_000)+`</c></row>`)
		}, nil)
	}, []errorsv1.ErrorReason{workbookLimit, workbookDamaged}},
	{"16 million empty strings", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			for i := range 500 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c><c t="s"><v>%d</v></c></row>`, i+2, i, 15_000_000+i)
			}
		}, map[string]func(io.Writer){"xl/sharedStrings.xml": func(w io.Writer) {
			fmt.Fprint(w, `<sst xmlns="`+spreadsheetML+`">`)
			repeated(w, 16_000_000, "<si/>")
			fmt.Fprint(w, "</sst>")
		}})
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"20 million empty inline texts", func(t *testing.T) []byte {
		row := "<row>" + strings.Repeat(`<c t="inlineStr"><is><t/></is></c>`, 2000) + "</row>"
		return rawBook(t, "", func(w io.Writer) {
			smallRows(500)(w)
			for range 500 {
				fmt.Fprintf(w, "<!-- %s -->", longText(1000))
				repeated(w, 20, row)
			}
		}, nil)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"a million empty rows", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			smallRows(500)(w)
			repeated(w, 1_000_000, "<row/>")
		}, nil)
	}, nil},
	{"a million data validations and conditional formats", func(t *testing.T) []byte {
		return rawBook(t, "", smallRows(500), map[string]func(io.Writer){"merges": func(w io.Writer) {
			fmt.Fprint(w, `<dataValidations count="1000000">`)
			for i := range 1_000_000 {
				fmt.Fprintf(w, `<dataValidation type="list" sqref="A%d:B%d"><formula1>"a,b,c"</formula1></dataValidation>`, i+1, i+2)
			}
			fmt.Fprint(w, `</dataValidations>`)
		}})
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"a million defined names", func(t *testing.T) []byte {
		return rawBook(t, "", smallRows(500), map[string]func(io.Writer){"names": func(w io.Writer) {
			for i := range 1_000_000 {
				fmt.Fprintf(w, `<definedName name="n%d">$A$%d</definedName>`, i, i+1)
			}
		}})
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"attributes of a megabyte", func(t *testing.T) []byte {
		return rawBook(t, "", func(w io.Writer) {
			for i := range 200 {
				fmt.Fprintf(w, `<row r="%d" spans="%s"><c t="inlineStr"><is><t>k%d</t></is></c></row>`, i+2, longText(1_000_000), i)
			}
		}, nil)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"formulas of 8 KB in 100,000 cells", func(t *testing.T) []byte {
		formula := "SUM(" + longText(8000) + ")"
		return rawBook(t, "", func(w io.Writer) {
			for i := range 100_000 {
				fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c><c><f>%s</f><v>1</v></c></row>`, i+2, i, formula)
			}
		}, nil)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"an OpenDocument sheet that repeats cells and rows", func(t *testing.T) []byte {
		return odsBook(t, `<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16000" office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>`)
	}, []errorsv1.ErrorReason{workbookLimit}},
	{"an OpenDocument sheet of empty rows and spaces", func(t *testing.T) []byte {
		return odsBook(t, strings.Repeat(`<table:table-row table:number-rows-repeated="1000"><table:table-cell table:number-columns-repeated="16000"/></table:table-row>`, 900)+
			`<table:table-row><table:table-cell office:value-type="string"><text:p>k<text:s text:c="2000000000"/></text:p></table:table-cell></table:table-row>`)
	}, []errorsv1.ErrorReason{workbookLimit, workbookDamaged}},
}

// odsBook is an OpenDocument spreadsheet with a sheet Notes that has these rows below its headers.
func odsBook(t *testing.T, rows string) []byte {
	t.Helper()
	const media = "application/vnd.oasis.opendocument.spreadsheet"
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	for _, part := range []struct{ name, text string }{
		{"mimetype", media},
		{"META-INF/manifest.xml", `<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="` + media + `"/></manifest:manifest>`},
		{"content.xml", `<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">` +
			`<office:body><office:spreadsheet><table:table table:name="Notes"><table:table-row>` +
			`<table:table-cell office:value-type="string"><text:p>ID</text:p></table:table-cell><table:table-cell office:value-type="string"><text:p>One</text:p></table:table-cell>` +
			`</table:table-row>` + rows + `</table:table></office:spreadsheet></office:body></office:document-content>`},
	} {
		method := zip.Deflate
		if part.name == "mimetype" {
			method = zip.Store
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: part.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, part.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
