package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMappingIsSavedListedAndDeleted(t *testing.T) {
	s := start(t)
	file := filepath.Join(t.TempDir(), "mapping.json")
	const mapping = `[{"sheet": "areas", "columns": {"code": "Kürzel"}}]`
	if err := os.WriteFile(file, []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	local := []string{"--data", s.data, "--importer-address", s.importer}
	s.headway(append([]string{"mapping", "save", "HR export", file, "--share"}, local...)...)
	if list := s.headway(append([]string{"mapping", "list"}, local...)...); !strings.Contains(list, "HR export") || !strings.Contains(list, "shared") {
		t.Errorf("the list is %q", list)
	}
	copied := filepath.Join(t.TempDir(), "copy.json")
	s.headway(append([]string{"mapping", "get", "HR export", "-o", copied}, local...)...)
	if text, err := os.ReadFile(copied); err != nil || !strings.Contains(string(text), "Kürzel") {
		t.Errorf("the copy is %s (%v)", text, err)
	}

	const route = "/api/v1/schemas/workforce/mappings"
	token := s.token("ann")
	status, _ := s.rest(token, http.MethodPut, route+"/Monat%20%C3%A4", map[string]any{"mapping": []any{map[string]any{"sheet": "areas", "constants": map[string]any{"code": "A"}}}})
	if status != http.StatusOK {
		t.Errorf("PUT is answered with %d", status)
	}
	if _, answer := s.rest(token, http.MethodGet, route, nil); len(field(t, answer, "mappings").([]any)) != 2 || field(t, answer, "mappings").([]any)[0].(map[string]any)["name"] != "Monat ä" {
		t.Errorf("ann sees %v", answer)
	}
	for _, name := range []string{"Monat%20%C3%A4", "HR%20export"} { // the second one isn't ann's
		if status, _ := s.rest(token, http.MethodDelete, route+"/"+name, nil); status != http.StatusOK {
			t.Errorf("DELETE is answered with %d", status)
		}
	}
	if _, answer := s.rest(token, http.MethodGet, route, nil); len(field(t, answer, "mappings").([]any)) != 1 {
		t.Errorf("ann sees %v", answer)
	}
	s.headway(append([]string{"mapping", "delete", "HR export"}, local...)...)
	if list := s.headway(append([]string{"mapping", "list"}, local...)...); list != "" {
		t.Errorf("the list is %q", list)
	}
}
