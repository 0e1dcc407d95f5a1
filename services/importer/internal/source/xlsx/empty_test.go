package xlsx

import (
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

// TestEmptyTextsInEveryForm has empty texts as programs write them, often enough for the shortcut, between texts that show
// whether one was lost or counted twice.
func TestEmptyTextsInEveryForm(t *testing.T) {
	for _, item := range []string{"<si/>", "<si />", "<si><t/></si>", "<si><t></t></si>", `<si><t xml:space="preserve"></t></si>`, "\n<si/>\n"} {
		for _, inline := range []string{"<is><t/></is>", "<is><t></t></is>", "<is/>", "<is><t /></is>"} {
			texts := stringTable("<si><t>first</t></si>")
			texts = strings.Replace(texts, "</sst>", strings.Repeat(item, 300)+"<si><t>last</t></si></sst>", 1)
			row := `<row><c t="s"><v>0</v></c>` + strings.Repeat(`<c t="inlineStr">`+inline+`</c>`, 300) + `<c t="s"><v>150</v></c><c t="s"><v>301</v></c></row>`
			file := workbookWith(parts{"xl/sharedStrings.xml": texts, "xl/worksheets/sheet1.xml": sheetXML(row + row)})
			w, err := openBytes(t, file, source.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			rows, err := w.Rows(t.Context(), "Data")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for ; rows.Next(); n++ {
				filled := map[int]string{}
				for _, c := range rows.Row().Cells {
					if c.Kind != source.Empty {
						filled[c.Col] = string(c.Text)
					}
				}
				if len(filled) != 2 || filled[1] != "first" || filled[303] != "last" {
					t.Errorf("%s, %s: got %v", item, inline, filled)
				}
			}
			if n != 2 || rows.Err() != nil {
				t.Errorf("%s, %s: %d rows, %v", item, inline, n, rows.Err())
			}
			_, _ = rows.Close(), w.Close()
		}
	}
}
