package text

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestCleanFollowsTheRule(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain text", "Anna Berg", "Anna Berg"},
		{"nothing", "", ""},
		{"blanks at both ends", "  B1 \t\r\n", "B1"},
		{"no-break spaces at both ends", "\u00a0K1\u202f", "K1"},
		{"blanks only", " \u00a0\u3000\u2003\t", ""},
		{"zero-width space after the text", "K1\u200b", "K1"},
		{"byte order mark before the text", "\ufeffK1", "K1"},
		{"blank after an invisible character", "K1 \u200b ", "K1"},
		{"soft hyphen inside", "Kranken\u00adhaus", "Krankenhaus"},
		{"direction marks", "\u202a+49 30\u202c\u200f", "+49 30"},
		{"word joiner", "K\u20601", "K1"},
		{"no-break space inside", "Anna\u00a0Berg", "Anna Berg"},
		{"thin space inside", "1\u2009000", "1 000"},
		{"ideographic space inside stays", "山田　太郎", "山田　太郎"},
		{"ideographic space at the end", "山田　", "山田"},
		{"two blanks inside stay", "A  B", "A  B"},
		{"tab inside", "A\tB", "A B"},
		{"line break stays", "a\nb", "a\nb"},
		{"carriage return and line feed", "a\r\nb\rc\u2028d\ve", "a\nb\nc\nd\ne"},
		{"non-breaking hyphen", "A\u20111", "A-1"},
		{"en dash stays", "A–1", "A–1"},
		{"accent as its own character", "Rene\u0301", "René"},
		{"accents in the wrong order", "a\u0301\u0323", "ạ\u0301"},
		{"umlaut", "Müller", "Müller"},
		{"angstrom sign", "\u212b", "Å"},
		{"family emoji keeps its joiners", "👩‍👩‍👧", "👩‍👩‍👧"},
		{"keycap keeps its selector", "1\ufe0f\u20e3", "1\ufe0f\u20e3"},
		{"flag of England keeps its tags", "🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"},
		{"selector after a letter", "K1\ufe0f", "K1"},
		{"tags after a letter", "K1\U000e0041", "K1"},
		{"Persian keeps its non-joiner", "می\u200cخواهم", "می\u200cخواهم"},
		{"Latin loses its non-joiner", "Auf\u200clage", "Auflage"},
		{"Malayalam keeps its joiner at the end", "ന\u0d4d\u200d", "ന\u0d4d\u200d"},
		{"control characters at the ends", "\x00K1\x1f", "K1"},
		{"control characters only", "\x00\x01", ""},
		{"Hangul filler", "\u3164K1\u3164", "K1"},
		{"braille blank", "K1\u2800", "K1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, control := Clean([]byte(c.in), nil)
			if string(got) != c.want || control != -1 {
				t.Errorf("got %q, control character %d; want %q", got, control, c.want)
			}
			if Blank([]byte(c.in)) != (c.want == "") {
				t.Errorf("Blank is %t", Blank([]byte(c.in)))
			}
		})
	}
}

func TestCleanReportsControlCharactersInside(t *testing.T) {
	for in, want := range map[string]rune{"a\x00b": 0, "a\x1fb": 0x1f, "a\u009bb": 0x9b, "K1\x7f2": 0x7f} {
		if _, _, got := Clean([]byte(in), nil); got != want {
			t.Errorf("%q: got U+%04X, want U+%04X", in, got, want)
		}
	}
}

func TestCleanKeepsItsInput(t *testing.T) {
	in := []byte(" K1\u200b")
	if got, _, _ := Clean(in, nil); string(in) != " K1\u200b" || string(got) != "K1" {
		t.Errorf("the input is now %q", in)
	}
}

func TestCleanOfPlainTextDoesNotAllocate(t *testing.T) {
	for _, s := range []string{"Anna Berg-Schmidt", "Jürgen Müller", "Łódź", "東京"} {
		in := []byte(s)
		if n := testing.AllocsPerRun(100, func() { Clean(in, nil) }); n != 0 {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}

func TestQuoteNamesUnseenCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"K1":              "“K1”",
		"Müller":          "“Müller”",
		"K1\u00a0":        "“K1” (U+00A0 (no-break space) after the text)",
		" K1":             "“K1” (a blank before the text)",
		"  K1 ":           "“K1” (blanks around the text)",
		"lеad":            "“lеad” (U+0435 (Cyrillic letter) after “l”)",
		"Αnna Berg":       "“Αnna Berg” (U+0391 (Greek letter) at the start)",
		"К1-A":            "“К1-A” (U+041A (Cyrillic letter) at the start)",
		"Москва Moskau":   "“Москва Moskau”",
		"Мoсква":          "“Мoсква” (U+006F (Latin letter) after “М”)",
		"5 µm, 10 kΩ, βC": "“5 µm, 10 kΩ, βC”",
		"K1\n":            "“K1” (a line break after the text)",
		"K1\u200b\u200b":  "“K1” (U+200B (zero-width space) after the text)",
		"K\u00ad1":        "“K1” (U+00AD (soft hyphen) after “K”)",
		"a\x1fb":          "“a b” (U+001F (control character) after “a”)",
		"e\u0301":         "“é” (letters and accents in separate characters)",
		"\u200b":          "“” (U+200B (zero-width space))",
		"می\u200cخواهم":   "“می\u200cخواهم”",
		"a\u200bb\u00a0c": "“ab c” (U+200B (zero-width space) after “a”, U+00A0 (no-break space) after “ab”)",
	} {
		if got := Quote([]byte(in), 40); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	if got := Quote([]byte("a\x01b\x02c\x03d\x04e\x05f"), 3); got != "“a …” (U+0001 (control character) after “a”, "+
		"U+0002 (control character) after “a b”, U+0003 (control character) after “a b c”, and more)" {
		t.Errorf("got %s", got)
	}
	if got := Quote([]byte("abcdef"), 4); got != "“abc…”" {
		t.Errorf("got %s", got)
	}
}

func TestQuoteOfManyControlCharactersIsShort(t *testing.T) {
	in := append([]byte("n"), bytes.Repeat([]byte("\x13"), 1<<20)...)
	if got := Quote(append(in, 'n'), 40); len(got) > 200 {
		t.Errorf("got %d bytes", len(got))
	}
}

// FuzzClean checks that the rule is idempotent, that Blank and Plain agree with it, and that valid text remains valid.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"K1", " K1\u00a0", "\ufeffK\u00ad1\u200b", "Rene\u0301", "a\r\nb", "👩‍👩‍👧", "1\ufe0f\u20e3", "می\u200cخواهم", "a\x00b", "\u06f7\u034f\u06df\u03560"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !utf8.Valid(in) {
			return
		}
		once, _, control := Clean(in, nil)
		again, _, _ := Clean(once, nil)
		if string(once) != string(again) {
			t.Errorf("%q becomes %q and then %q", in, once, again)
		}
		if Blank(in) != (len(once) == 0) {
			t.Errorf("%q becomes %q, and Blank is %t", in, once, Blank(in))
		}
		if Plain(in) && (string(once) != string(in) || control != -1) {
			t.Errorf("%q is plain and becomes %q", in, once)
		}
		if !utf8.Valid(once) {
			t.Errorf("%q becomes %q, which is not UTF-8", in, once)
		}
		_ = Quote(in, 10)
	})
}
