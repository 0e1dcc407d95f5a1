package xlsx

import (
	"maps"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

// TestTwoPartsOfOneKindAreRefused has two parts of a kind that a workbook has once. It is not known which one applies.
func TestTwoPartsOfOneKindAreRefused(t *testing.T) {
	second := func(rels, kind, target string) string {
		return strings.Replace(rels, "</Relationships>", `<Relationship Id="second" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/`+kind+
			`" Target="`+target+`"/></Relationships>`, 1)
	}
	sheet := sheetXML(`<row r="1"><c r="A1" s="1" t="s"><v>0</v></c></row>`)
	for name, p := range map[string]parts{
		"strings": {"xl/_rels/workbook.xml.rels": second(minimalWorkbookRels, "sharedStrings", "other.xml"), "xl/other.xml": stringTable(`<si><t>other</t></si>`)},
		"styles":  {"xl/_rels/workbook.xml.rels": second(minimalWorkbookRels, "styles", "other.xml"), "xl/other.xml": strings.ReplaceAll(minimalStyles, "164", "165")},
		"main":    {"_rels/.rels": second(minimalRels, "officeDocument", "xl/other.xml"), "xl/other.xml": minimalWorkbook},
	} {
		all := parts{sheetPart: sheet, "xl/sharedStrings.xml": stringTable(`<si><t>first</t></si>`)}
		maps.Copy(all, p)
		if _, err := openBytes(t, workbookWith(all), source.Limits{}); source.ReasonOf(err) != source.Damaged {
			t.Errorf("two parts with %s: %v", name, err)
		}
	}
	// The same part twice is one part.
	all := parts{sheetPart: sheet, "xl/sharedStrings.xml": stringTable(`<si><t>first</t></si>`), "xl/_rels/workbook.xml.rels": second(minimalWorkbookRels, "sharedStrings", "sharedStrings.xml")}
	w, err := openBytes(t, workbookWith(all), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `A1 text "first"`)
}
