package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMappingIsReadFromFile(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "mapping.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	list, err := readMapping(write(`[{"sheet":"areas","workbookSheet":"Gebiete","columns":{"code":"Kürzel"}},{"sheet":"drivers"}]`))
	if err != nil || len(list) != 2 || list[0].GetWorkbookSheet() != "Gebiete" || list[0].GetColumns()["code"] != "Kürzel" {
		t.Errorf("%v, %v", list, err)
	}
	const yaml = "# Staff of 2026\n- sheet: areas\n  workbook_sheet: 2026\n  columns:\n    code: No\n    name: \"\"\n  constants: {country: NO}\n- {sheet: drivers}\n"
	list, err = readMapping(write(yaml))
	if err != nil || len(list) != 2 || list[0].GetWorkbookSheet() != "2026" || list[0].GetColumns()["code"] != "No" || list[0].GetConstants()["country"] != "NO" || list[1].GetSheet() != "drivers" {
		t.Errorf("YAML: %v, %v", list, err)
	}
	const derived = `
- sheet: teams
  distinct: true
  columns: {distinct: true}
  rules: {code: {collapse: true, trim: 007}}
  splits: [{header: 2026, separator: "-", columns: [on, off], fromEnd: true}]
`
	list, err = readMapping(write(derived))
	if err != nil || len(list) != 1 || !list[0].GetDistinct() || list[0].GetColumns()["distinct"] != "true" || !list[0].GetRules()["code"].GetCollapse() || list[0].GetRules()["code"].GetTrim() != "007" ||
		list[0].GetSplits()[0].GetHeader() != "2026" || list[0].GetSplits()[0].GetColumns()[0] != "on" || !list[0].GetSplits()[0].GetFromEnd() {
		t.Errorf("YAML: %v, %v", list, err)
	}
	for text, want := range map[string]string{"{": "list of objects", "sheet: areas": "list of objects", "- sheet: areas\n- shet: areas": "entry 2", `[{"sheet":"areas"},{"shet":"areas"}]`: "entry 2"} {
		if _, err := readMapping(write(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if list, err := readMapping(""); list != nil || err != nil {
		t.Errorf("%v, %v", list, err)
	}
}
