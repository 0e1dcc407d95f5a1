package messages

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
)

// rest returns a message as the REST API has it.
func rest(m Message) map[string]any {
	parameters := map[string]any{}
	for _, p := range m.Parameters {
		parameters[p.Name] = restValue(p.Value)
	}
	return map[string]any{"messageId": m.ID, "parameters": parameters}
}

func restValue(v Value) map[string]any {
	switch v.Kind {
	case Counted:
		return map[string]any{"count": v.Count}
	case Decimal:
		return map[string]any{"number": v.Text}
	case Moment:
		return map[string]any{"date": v.Text}
	case Located:
		l := v.Location()
		return map[string]any{"location": map[string]any{"sheet": l.Sheet, "file": l.File, "row": l.Row, "column": l.Column, "line": l.Line}}
	case Quotation:
		remarks := []any{}
		for _, r := range v.Values() {
			remarks = append(remarks, rest(r.Message()))
		}
		return map[string]any{"quotation": map[string]any{"text": v.Text, "remarks": remarks}}
	case Nested:
		return map[string]any{"nested": rest(v.Message())}
	case Or, And, Comma, Spaced:
		values := []any{}
		for _, each := range v.Values() {
			values = append(values, restValue(each))
		}
		kind := map[Kind]string{Or: "or", And: "and", Comma: "comma", Spaced: "spaced"}[v.Kind]
		return map[string]any{"list": map[string]any{"kind": kind, "values": values}}
	default:
		return map[string]any{"text": v.Text}
	}
}

// exampleValues are values of every kind.
func exampleValues() []Value {
	tab := New("character", Text("name", "tab"), Text("code", "U+0009"))
	three := []Value{{Text: "a"}, {Kind: Decimal, Text: "-1234.5"}, {Kind: Moment, Text: "2025-04-03"}}
	values := []Value{{Text: "<a> {b} 'c' #"}, {Kind: Decimal, Text: "1234567.891"}, {Kind: Moment, Text: "0987-12-31"},
		{Kind: Moment, Text: "2025-04-03T09:30:00.5"}, {Kind: Moment, Text: "2025-04-03 09:30"}, {Kind: Moment, Text: "09:30:00"}, Quote("x"),
		Quote("K1", New("remark.after", Part("character", tab)), New("remark.decomposed")), Of(New("normalized.empty"))}
	for _, l := range []Location{{Sheet: "Häuser", Row: 4711, Column: 28}, {Sheet: "S", Row: 1048576}, {Row: 4711, Column: 3, Line: true}, {Row: 7, Line: true},
		{File: "a.csv", Row: 4711, Column: 1234, Line: true}, {File: "a.csv", Row: 7, Line: true}} {
		values = append(values, At("", l).Value)
	}
	for _, kind := range []Kind{Or, And, Comma, Spaced} {
		for n := range len(three) + 1 {
			values = append(values, List("", kind, three[:n]...).Value)
		}
	}
	return append(values, List("", And, Clipped(Texts("a", "b", "c"), 2)...).Value)
}

// examples returns messages of all IDs: each with every option, and together with values of every kind.
func examples(t *testing.T) (list []Message) {
	texts := read(t, "issues.en.json")
	values := exampleValues()
	next := 0
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		elements, err := parse(texts[id])
		if err != nil {
			t.Fatal(err)
		}
		kinds, chosen := map[string]string{}, map[string][]string{}
		used(elements, kinds)
		for _, e := range elements {
			if e.choice == "select" {
				chosen[e.name] = slices.Sorted(maps.Keys(e.options))
			}
		}
		rounds := 3
		for _, names := range chosen {
			rounds = max(rounds, len(names))
		}
		for round := range rounds {
			m := Message{ID: id}
			for _, name := range slices.Sorted(maps.Keys(kinds)) {
				switch {
				case kinds[name] == "number":
					m.Parameters = append(m.Parameters, Count(name, []int{0, 1, 1234567}[round%3]))
				case chosen[name] != nil:
					m.Parameters = append(m.Parameters, Text(name, chosen[name][round%len(chosen[name])]))
				default:
					m.Parameters = append(m.Parameters, Any(name, values[next%len(values)]))
					next++
				}
			}
			list = append(list, m)
		}
	}
	return list
}

// The web UI writes the same examples with FormatJS and Intl, and compares them (web/test/text.test.ts).
func TestExamplesAreUpToDate(t *testing.T) {
	type example struct {
		Text map[string]any `json:"text"`
		EN   string         `json:"en"`
		DE   string         `json:"de"`
	}
	var all []example
	for _, m := range examples(t) {
		all = append(all, example{rest(m), m.In(English), m.In(German)})
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	for _, e := range all {
		if err := out.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	const path = "testdata/examples.jsonl"
	if update, _ := strconv.ParseBool(os.Getenv("HEADWAY_UPDATE_EXAMPLES")); update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(stored, b.Bytes()) {
		t.Errorf("the examples differ from %s, %v. Run this test with HEADWAY_UPDATE_EXAMPLES=1, and then the tests of the web UI", path, err)
	}
}
