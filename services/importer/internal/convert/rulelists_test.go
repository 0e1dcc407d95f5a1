package convert

import (
	"testing"

	"headway/services/importer/internal/schema"
)

// FuzzListedTextsAreFound checks that the shortcuts of rules don't change their result.
func FuzzListedTextsAreFound(f *testing.F) {
	for _, s := range []string{"", "n/a", "N/A", " n/a", "Ｎ/Ａ", "ja", "K1*", "*K1", "Kelvin K", "İx", "\u00a0x", "-"} {
		f.Add(s, s, "*#")
		f.Add(s, "n/a", "n*")
	}
	f.Fuzz(func(t *testing.T, s, listed, set string) {
		r := &ruled{empty: map[string]bool{schema.Spelling(listed): true}}
		r.noteBegins()
		if r.empty[spelling([]byte(s))] && !r.canBeListed([]byte(s)) {
			t.Errorf("%q is like %q, and is not found", s, listed)
		}
		if len(s) > 0 && stays(s[0], set) && stays(s[len(s)-1], set) {
			if trimmed := trimRunes([]byte(s), set); string(trimmed) != s {
				t.Errorf("%q without %q is %q", s, set, trimmed)
			}
		}
	})
}
