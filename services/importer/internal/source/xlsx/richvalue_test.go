package xlsx

import (
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

// richParts are the parts of a workbook with these structures and rich values, which the cells have in their order.
func richParts(structures, values string) parts {
	const space = "http://schemas.microsoft.com/office/spreadsheetml/2017/richdata"
	var future, cells strings.Builder
	for i := range strings.Count(values, "<rv ") {
		n := string(rune('0' + i))
		future.WriteString(`<bk><extLst><ext uri="{3e2802c4-a4d2-4d8b-9148-e3be6c30e623}"><xlrd:rvb i="` + n + `"/></ext></extLst></bk>`)
		cells.WriteString(`<bk><rc t="2" v="` + n + `"/></bk>`)
	}
	rel := func(id, kind, target string) string {
		return `<Relationship Id="` + id + `" Type="http://schemas.microsoft.com/office/` + kind + `" Target="` + target + `"/>`
	}
	return parts{
		"xl/_rels/workbook.xml.rels": strings.Replace(minimalWorkbookRels, "</Relationships>", rel("m", "x/sheetMetadata", "metadata.xml")+
			rel("v", "x/rdRichValue", "richData/rdrichvalue.xml")+rel("s", "x/rdRichValueStructure", "richData/rdrichvaluestructure.xml")+"</Relationships>", 1),
		"xl/metadata.xml": `<metadata xmlns="` + mainSpace + `" xmlns:xlrd="` + space + `"><metadataTypes count="2"><metadataType name="XLDAPR"/><metadataType name="XLRICHVALUE"/></metadataTypes>` +
			`<futureMetadata name="XLDAPR"><bk/></futureMetadata><futureMetadata name="XLRICHVALUE">` + future.String() + `</futureMetadata><cellMetadata><bk><rc t="1" v="0"/></bk></cellMetadata><valueMetadata>` + cells.String() + `</valueMetadata></metadata>`,
		"xl/richData/rdrichvaluestructure.xml": `<rvStructures xmlns="` + space + `">` + structures + `</rvStructures>`,
		"xl/richData/rdrichvalue.xml":          `<rvData xmlns="` + space + `">` + values + `</rvData>`,
		"xl/worksheets/sheet1.xml": sheetXML(`<row r="1"><c r="A1" t="e" vm="1"><v>#VALUE!</v></c><c r="B1" t="e" vm="2"><v>#VALUE!</v></c><c r="C1" t="e" vm="3"><v>#VALUE!</v></c>` +
			`<c r="D1" t="e" vm="4"><v>#VALUE!</v></c><c r="E1" t="e" vm="9"><v>#VALUE!</v></c><c r="F1" t="e"><v>#N/A</v></c><c r="G1" vm="1"><v>5</v></c></row>`),
	}
}

const richStructures = `<s t="_linkedentity2"><k n="%EntityServiceId" t="i"/><k n="_DisplayString" t="s"/></s><s t="_localImage"><k n="_rvRel:LocalImageIdentifier" t="i"/></s>` +
	`<s t="_error"><k n="errorType" t="i"/></s><s t="_entity"><k n="x" t="i"/></s>`

const richData = `<rv s="0"><v>536870912</v><v>Köln &amp; Bonn</v></rv><rv s="1"><v>0</v></rv><rv s="2"><v>9</v></rv><rv s="3"><v>1</v></rv>`

func TestRichValuesAreReadOrNamed(t *testing.T) {
	w, err := openBytes(t, workbookWith(richParts(richStructures, richData)), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `A1 text "Köln & Bonn"`, `B1 object "a picture"`, `C1 error "#SPILL!"`, `D1 object "a linked data type"`,
		`E1 error "#VALUE!"`, `F1 error "#N/A"`, `G1 number "5"`)
}

func TestDamagedRichValuesAreErrors(t *testing.T) {
	for name, change := range map[string]parts{
		"no structures": {"xl/richData/rdrichvaluestructure.xml": ""},
		"no values":     {"xl/richData/rdrichvalue.xml": ""},
		"no metadata":   {"xl/metadata.xml": ""},
		"broken":        {"xl/richData/rdrichvalue.xml": "<rvData><rv"},
		"out of range":  {"xl/richData/rdrichvalue.xml": `<rvData><rv s="17"><v>1</v></rv></rvData>`},
	} {
		p := richParts(richStructures, richData)
		for part, text := range change {
			p[part] = text
		}
		w, err := openBytes(t, workbookWith(p), source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		cells, err := readSheet(w, "Data")
		if err != nil || len(cells) != 7 || cells[0].kind != source.ErrorValue {
			t.Errorf("%s: got %v, %v", name, cells, err)
		}
	}
}

func TestPicturesInCellsAreObjects(t *testing.T) {
	w, err := openBytes(t, sheetWith(`<row r="1"><c r="A1" t="str"><f>_xlfn.DISPIMG("ID_1",1)</f><v>=DISPIMG("ID_1",1)</v></c>`+
		`<c r="B1" t="inlineStr"><is><t>=DISPIMG("ID_2",1)</t></is></c><c r="C1" t="inlineStr"><is><t>=_xlfn.IMAGE("http://example.com/a.png")</t></is></c>`+
		`<c r="D1" t="inlineStr"><is><t>=dispimg</t></is></c><c r="E1" t="inlineStr"><is><t>DISPIMG("x",1)</t></is></c></row>`), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `A1 object "a picture" =_xlfn.DISPIMG("ID_1",1)`, `B1 object "a picture"`, `C1 object "a picture"`, `D1 text "=dispimg"`, `E1 text "DISPIMG(\"x\",1)"`)
}

func TestCorpusPicturesAreObjects(t *testing.T) {
	for name, want := range map[string]int{"picture_richdata.xlsx": 1, "pictures_in_cell_and_over_cell.xlsx": 2} {
		w, err := openBytes(t, corpusFiles(t)[name], source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		cells, err := readSheet(w, w.Sheets()[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, c := range cells {
			if c.kind == source.Object {
				n++
			}
		}
		if n != want {
			t.Errorf("%s has %d pictures in cells, want %d", name, n, want)
		}
	}
}
