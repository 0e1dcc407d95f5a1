package pattern_test

import (
	"strings"
	"testing"

	"headway/internal/messages"
	"headway/services/importer/internal/pattern"
)

func TestPatternsAreDescribed(t *testing.T) {
	for expression, want := range map[string][2]string{
		`[0-9]{5}`:            {"exactly 5 digits", "genau 5 Ziffern"},
		`\d`:                  {"1 digit", "1 Ziffer"},
		`[0-9]{6,8}`:          {"6 to 8 digits", "6 bis 8 Ziffern"},
		`[A-Z]{2}`:            {"exactly 2 uppercase letters (A–Z)", "genau 2 Großbuchstaben (A–Z)"},
		`[A-Z0-9-]+`:          {"only uppercase letters (A–Z), digits, and “-”", "nur Großbuchstaben (A–Z), Ziffern und „-“"},
		`[A-Z0-9 -]+`:         {"only uppercase letters (A–Z), digits, spaces, and “-”", "nur Großbuchstaben (A–Z), Ziffern, Leerzeichen und „-“"},
		`^EMP-[A-Za-z]\d{4}$`: {"“EMP-”, 1 of these characters: uppercase letters (A–Z) and lowercase letters (a–z), exactly 4 digits", "„EMP-“, 1 dieser Zeichen: Großbuchstaben (A–Z) und Kleinbuchstaben (a–z), genau 4 Ziffern"},
		`[a-z]{2,}`:           {"at least 2 lowercase letters (a–z)", "mindestens 2 Kleinbuchstaben (a–z)"},
		`[ab]{2}x`:            {"exactly 2 of these characters: “a” and “b”, “x”", "genau 2 dieser Zeichen: „a“ und „b“, „x“"},
		`(a|bc)+`:             {},
		`[^,]+`:               {},
		`A?[0-9]+`:            {},
		`(?i)abc`:             {},
		`.+`:                  {},
		`\p{L}+`:              {},
	} {
		form := pattern.Form(expression)
		if want == ([2]string{}) {
			if form != nil {
				t.Errorf("%s is described", expression)
			}
			continue
		}
		m := messages.New("pattern", messages.Text("value", ""), messages.Text("column", ""), messages.List("form", messages.Comma, form...))
		if en, de := m.In(messages.English), m.In(messages.German); !strings.Contains(en, ": "+want[0]+". ") || !strings.Contains(de, ": "+want[1]+". ") {
			t.Errorf("%s: %q, %q", expression, en, de)
		}
	}
}
