package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// sampleWorkbook has a sheet "People" with a cell of every type, and a hidden
// sheet "Notes".
func sampleWorkbook(t *testing.T) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.SetSheetName("Sheet1", "People"))
	must(f.SetCellStr("People", "A1", "Ada <ada@example.com>"))
	must(f.SetCellFloat("People", "B1", 9380.280000000001, -1, 64))
	must(f.SetCellBool("People", "C1", true))
	must(f.SetCellValue("People", "D1", time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)))
	must(f.SetCellFormula("People", "E1", "B1*2"))
	shared, ref := excelize.STCellFormulaTypeShared, "F1:F2"
	must(f.SetCellFormula("People", "F1", "B1+$B$1", excelize.FormulaOpts{Type: &shared, Ref: &ref}))
	_, err := f.NewSheet("Notes")
	must(err)
	must(f.SetCellStr("Notes", "B7", "hidden"))
	must(f.SetSheetVisible("Notes", false))
	var b bytes.Buffer
	must(f.Write(&b))
	return b.Bytes()
}

func writeCells(file []byte, sheet string) (string, error) {
	var out strings.Builder
	err := WriteCells(context.Background(), &out, bytes.NewReader(file), int64(len(file)), sheet)
	return out.String(), err
}

func TestCellsAreLinesOfJSON(t *testing.T) {
	got, err := writeCells(sampleWorkbook(t), "")
	want := `{"sheet":"People","ref":"A1","type":"text","value":"Ada <ada@example.com>"}
{"sheet":"People","ref":"B1","type":"number","value":"9380.28"}
{"sheet":"People","ref":"C1","type":"boolean","value":"TRUE"}
{"sheet":"People","ref":"D1","type":"date","value":"2024-02-29T12:30:00","format":"m/d/yy h:mm"}
{"sheet":"People","ref":"E1","type":"formula-without-value","value":"","formula":"B1*2"}
{"sheet":"People","ref":"F1","type":"formula-without-value","value":"","formula":"B1+$B$1"}
{"sheet":"People","ref":"F2","type":"formula-without-value","value":"","formula":"B2+$B$1"}
{"sheet":"Notes","ref":"B7","type":"text","value":"hidden"}
`
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestCellsOfOneSheet(t *testing.T) {
	got, err := writeCells(sampleWorkbook(t), "Notes")
	if err != nil || got != `{"sheet":"Notes","ref":"B7","type":"text","value":"hidden"}`+"\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRejectionIsJSONObject(t *testing.T) {
	for reason, write := range map[string]func() (string, error){
		"SHEET_MISSING": func() (string, error) { return writeCells(sampleWorkbook(t), "Nobody") },
		"TEXT_FILE": func() (string, error) {
			return writeCells([]byte("These are only words, and no values of columns."), "")
		},
	} {
		out, err := write()
		var refusal bytes.Buffer
		if !WriteRefusal(&refusal, err) || out != "" {
			t.Errorf("%s: %v, out %q", reason, err, out)
		}
		var got struct{ Reason, Message string }
		if err := json.Unmarshal(refusal.Bytes(), &got); err != nil || got.Reason != reason || got.Message == "" {
			t.Errorf("%s: %s, %v", reason, refusal.String(), err)
		}
	}
	var none bytes.Buffer
	if WriteRefusal(&none, errors.New("the disk is gone")) || none.Len() > 0 {
		t.Error("an error of another kind counts as a refusal")
	}
}
