package messages

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, name string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

// used adds the parameters of a message, and how they are used.
func used(elements []element, of map[string]string) {
	for _, e := range elements {
		if e.name == "" || e.name == "#" {
			continue
		}
		if e.choice != "" || of[e.name] == "" {
			of[e.name] = strings.Replace(e.choice, "plural", "number", 1)
		}
		for _, option := range e.options {
			used(option, of)
		}
	}
}

// options returns the options of the selects of a message.
func options(elements []element) (names []string) {
	for _, e := range elements {
		if e.choice == "select" {
			names = append(names, e.name+" "+strings.Join(slices.Sorted(maps.Keys(e.options)), " "))
		}
		for _, option := range e.options {
			names = append(names, options(option)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestLanguagesHaveTheSameMessages(t *testing.T) {
	for _, name := range []string{"issues", "files"} {
		english := read(t, name+".en.json")
		for _, l := range Languages() {
			texts := read(t, name+"."+string(l)+".json")
			if !slices.Equal(slices.Sorted(maps.Keys(texts)), slices.Sorted(maps.Keys(english))) {
				t.Errorf("%s.%s.json has other messages than the English one", name, l)
			}
			for id, text := range texts {
				e, err := parse(text)
				if err != nil {
					t.Fatal(err)
				}
				o, err := parse(english[id])
				if err != nil {
					t.Fatal(err)
				}
				mine, theirs := map[string]string{}, map[string]string{}
				used(e, mine)
				used(o, theirs)
				if !maps.Equal(mine, theirs) {
					t.Errorf("%s: %s has the parameters %v, and English %v", id, l, mine, theirs)
				}
				if !slices.Equal(options(e), options(o)) {
					t.Errorf("%s: %s has the options %v, and English %v", id, l, options(e), options(o))
				}
				if l == German && (strings.ContainsAny(text, "”\"") || text == english[id] && !slices.Contains([]string{"remark.only", "normalized.utc", "doc.zone"}, id) && !strings.HasPrefix(id, "file.refused")) {
					t.Errorf("%s is not German: %s", id, text)
				}
			}
		}
	}
}

func TestMessagesInBothLanguages(t *testing.T) {
	long := []Value{{Kind: Decimal, Text: "1.5"}, {Kind: Moment, Text: "2025-04-03"}, Quote("x")}
	for _, c := range []struct {
		m      Message
		en, de string
	}{
		{New("range.below", Any("value", Quote("-3")), Number("min", "0.5"), Text("column", "Salary")),
			"“-3” is below 0.5, the minimum for Salary. Enter a larger value.",
			"„-3“ liegt unter 0,5, dem kleinsten Wert für „Salary“. Geben Sie einen größeren Wert ein."},
		{New("length.max", Text("column", "Name"), Count("n", 1234), Count("max", 1)),
			"Name has 1,234 characters. It must have at most 1 character.",
			"„Name“ hat 1.234 Zeichen. Erlaubt ist höchstens 1 Zeichen."},
		{New("date.ambiguous", Any("value", Quote("x")), List("readings", Or, long...)),
			"“x” can be read as 1.5, 2025-04-03, or “x”. Enter the one that you mean.",
			"„x“ kann 1,5, 03.04.2025 oder „x“ bedeuten. Geben Sie den gemeinten Wert ein."},
		{New("duplicate", List("columns", And, Texts("A", "B")...), List("values", Comma, long[:2]...), At("location", Location{Line: true, File: "a.csv", Row: 4711, Column: 3})),
			"A and B 1.5, 2025-04-03 is a duplicate of a.csv: line 4,711, column 3. Change one of the two, or delete this row.",
			"A und B 1,5, 03.04.2025 steht schon in a.csv: Zeile 4.711, Spalte 3. Ändern Sie einen der beiden Werte, oder löschen Sie diese Zeile."},
		{New("duplicate", List("columns", And, Texts("A")...), List("values", Comma, long[2]), At("location", Location{Sheet: "S", Row: 4711, Column: 703})),
			"A “x” is a duplicate of S!AAA4711. Change one of the two, or delete this row.",
			"A „x“ steht schon in S!AAA4711. Ändern Sie einen der beiden Werte, oder löschen Sie diese Zeile."},
		{New("quote.value", At("value", Location{Sheet: "S", Row: 7})), "“S!7:7”", "„S!7:7“"},
		{New("quote.value", At("value", Location{Line: true, Row: 7})), "“line 7”", "„Zeile 7“"},
		{New("quote.value", At("value", Location{Line: true, Row: 7, Column: 1})), "“line 7, column 1”", "„Zeile 7, Spalte 1“"},
		{New("quote.value", At("value", Location{Line: true, File: "f", Row: 7})), "“f: line 7”", "„f: Zeile 7“"},
		{New("quote.value", Date("value", "2025-04-03T09:30:15.5")), "“2025-04-03T09:30:15.5”", "„03.04.2025 09:30:15.5“"},
		{New("quote.value", Date("value", "09:30:00")), "“09:30:00”", "„09:30:00“"},
		{New("quote.value", Any("value", Quote("K1", New("remark.after", Part("character", New("character", Text("name", "tab"))))))),
			"““K1” (a tab after the text)”", "„„K1“ (ein Tabulator nach dem Text)“"},
		{New("not_allowed", Any("value", Quote("x")), Text("column", "C"), List("values", Comma, Texts("a")...), Count("more", 0)),
			"“x” is not allowed for C. The allowed values are a.", "„x“ ist für „C“ nicht erlaubt. Erlaubt sind a."},
		{New("quote.value", List("value", Spaced, Clipped(Texts("a", "b", "c"), 1)...)), "“a 2 more”", "„a 2 weitere“"},
		{New("quote.value"), "“”", "„“"},
		{New("no such message"), "no such message", "no such message"},
	} {
		if en, de := c.m.In(English), c.m.In(German); en != c.en || de != c.de {
			t.Errorf("%s: got\n%s\n%s\nwant\n%s\n%s", c.m.ID, en, de, c.en, c.de)
		}
		data, err := json.Marshal(c.m)
		if err != nil {
			t.Fatal(err)
		}
		var again Message
		if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(again, c.m) {
			t.Errorf("stored and read again, %+v is %+v, %v", c.m, again, err)
		}
	}
}

func TestStoredMessagesAreCompactAndRead(t *testing.T) {
	for _, m := range examples(t) {
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var again Message
		if err := json.Unmarshal(data, &again); err != nil || again.In(German) != m.In(German) || again.In(English) != m.In(English) {
			t.Errorf("%s is read as %+v, %v", data, again, err)
		}
	}
	data, err := json.Marshal(New("range.below", Any("value", Quote("-3")), Number("min", "0"), Text("column", "A"), Count("n", 7)))
	if want := `["range.below","value",{"q":"-3"},"min",{"d":"0"},"column","A","n",7]`; err != nil || string(data) != want {
		t.Errorf("stored as %s, %v; want %s", data, err, want)
	}
	for _, other := range []string{`{"i":"range.below"}`, `null`, `"x"`} {
		m := New("x")
		if err := json.Unmarshal([]byte(other), &m); err != nil || !m.IsZero() {
			t.Errorf("%s is %+v, %v", other, m, err)
		}
	}
	for _, damaged := range []string{`["x","y"]`, `[1]`, `["x",1,2]`, `["x","y",true]`, `["x","y",{"q":1}]`} {
		var m Message
		if err := json.Unmarshal([]byte(damaged), &m); err == nil {
			t.Errorf("%s is read as %+v", damaged, m)
		}
	}
}

func TestOtherSyntaxIsRefused(t *testing.T) {
	for _, text := range []string{"{", "}", "{}", "{a", "{a b}", "{a, plural}", "{a, date}", "{a, number, percent}", "{a, select, x {y}}", "{a, select, other {y}", "<b>x</b>", "it''s", "'{a}'", "{a, plural, other}"} {
		if e, err := parse(text); err == nil {
			t.Errorf("%q is read as %+v", text, e)
		}
	}
}

func TestLanguagesAreNegotiated(t *testing.T) {
	for preferred, want := range map[string]Language{"": English, "de": German, "de-AT, en;q=0.5": German, "fr, de;q=0.5, en;q=0.4": German,
		"fr": English, "en-GB": English, "en;q=0.1, de": German, "*": English, "d€": English, strings.Repeat("de,", 100_000): German} {
		if got := Negotiate(preferred); got != want {
			t.Errorf("%.40q is %s, want %s", preferred, got, want)
		}
	}
}
