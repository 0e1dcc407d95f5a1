package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// ruled has every rule.
const ruled = `name: prices
sheets:
  - name: articles
    key: code
    columns:
      - {name: code, type: text, required: true, rules: {unicode: nfkc, collapse: true, trim: "*", remove_prefix: [No., "Nr."], remove_suffix: old, case: upper, add_prefix: A-, add_suffix: -Z}}
      - {name: price, type: decimal, rules: {decimal: ",", thousands: ".", percent: fraction, units: {€: 1, ct: 0.01}, default: 0, empty: [gratis]}}
      - {name: since, type: date, rules: {date_order: dmy, pivot_year: 2049, blank: keep}}
      - {name: fee, type: decimal, rules: {ambiguous_decimal: ",", factor: 1000}}
      - {name: until, type: date, rules: {date_formats: [dd.MM.yyyy, "d. MMMM yyyy"], calendar: buddhist, lookup: {open: "9999-12-31"}}}
      - {name: active, type: boolean, rules: {true_values: x, false_values: [o, "-"]}}
      - {name: kind, type: enum, allowed: [part, whole], rules: {lookup: {Teil: part, ganz: whole}, replace: [{text: ".", with: ""}, {pattern: "^(.)x", with: "$1"}]}}
  - name: orders
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: article, type: text, references: articles.code, rules: {empty: [none]}}
`

func TestRulesAreLoaded(t *testing.T) {
	s, err := Load("prices.yaml", []byte(ruled))
	if err != nil {
		t.Fatal(err)
	}
	var set []string
	for _, c := range s.Sheets[0].Columns {
		set = append(set, c.Rules.Set()...)
	}
	for _, key := range ruleKeys {
		if !slices.Contains(set, key) {
			t.Errorf("no column has the rule %s", key)
		}
	}
	price := s.Sheets[0].Columns[1].Rules
	want := &Rules{Decimal: ",", Thousands: ".", Percent: Fraction, Units: map[string]string{"€": "1", "ct": "0.01"}, Default: "0", Empty: []string{"gratis"}}
	if !reflect.DeepEqual(price, want) {
		t.Errorf("the rules of the price are %+v", price)
	}
}

func TestReferencesHaveRulesOfTheirTarget(t *testing.T) {
	s, err := Load("prices.yaml", []byte(ruled))
	if err != nil {
		t.Fatal(err)
	}
	file := func(sheet, column string) *Rules {
		if sheet == "articles" && column == "code" {
			return &Rules{AddPrefix: "B-", Default: "none"}
		}
		return nil
	}
	article, _ := s.WithRules(file).Sheet("orders").Column("article")
	if r := article.Rules; r.Case != Upper || r.AddPrefix != "B-" || r.AddSuffix != "-Z" || !slices.Equal(r.Empty, []string{"none"}) || r.Default != "" {
		t.Errorf("the rules of the reference are %+v", r)
	}
	if own, _ := s.Sheet("orders").Column("article"); own.Rules.Case != "" {
		t.Error("the schema was changed")
	}
	plain := workforce(t)
	if plain.WithRules(nil) != plain {
		t.Error("a schema without rules is copied")
	}
}

func TestWrongRulesAreNamedWithTheirLine(t *testing.T) {
	for _, c := range []struct {
		typ, rules string
		code       ProblemCode
		message    string
	}{
		{"decimal", `{decimal: ",", thousands: ","}`, Contradiction, "the same separator"},
		{"decimal", `{ambiguous_decimal: ";"}`, BadRule, "not a decimal separator"},
		{"decimal", `{ambiguous_decimal: ",", decimal: "."}`, Contradiction, "no number is ambiguous"},
		{"text", `{ambiguous_decimal: ","}`, BadRule, "Only integer and decimal columns"},
		{"decimal", `{decimal: ";"}`, BadRule, "not a decimal separator"},
		{"decimal", `{thousands: "-"}`, BadRule, "does not separate thousands"},
		{"text", `{date_order: dmy}`, BadRule, "type text has no \"date_order\". Only date and datetime columns have one"},
		{"text", `{decimal: ","}`, BadRule, "Only integer and decimal columns"},
		{"date", `{date_order: day}`, BadRule, "Use one of dmy, mdy, ymd"},
		{"date", `{date_order: dmy, date_formats: dd.MM.yyyy}`, Contradiction, "Delete date_order or date_formats"},
		{"date", `{date_formats: dd.mm.yyyy}`, BadRule, "needs d, M, and y"},
		{"date", `{date_formats: DD.MM.YYYY}`, BadRule, "\"DD\" has no meaning"},
		{"date", `{date_formats: 25.12.2025}`, BadRule, "example instead of a form"},
		{"date", `{date_formats: "dd.MM.yyyy HH:mm"}`, BadRule, "has the type date"},
		{"datetime", `{date_formats: "dd.MM.yyyy hh:mm"}`, BadRule, "h and a belong together"},
		{"date", `{date_formats: dMyyyy}`, BadRule, "end of a part is not clear"},
		{"date", `{pivot_year: 49}`, BadRule, "from 1999 to 2098"},
		{"date", `{pivot_year: soon}`, BadRule, "must be a year"},
		{"enum", `{lookup: {ja: yes}}`, Contradiction, "not one of the allowed values. They are part, whole"},
		{"enum", `{case: upper}`, BadRule, "type enum has no"},
		{"text", `{lookup: {a: b, A: c}}`, Contradiction, "Case and spaces are ignored"},
		{"text", `{lookup: {a: b}, empty: A}`, Contradiction, "means an empty cell"},
		{"integer", `{lookup: {many: lots}}`, Contradiction, "whole number"},
		{"integer", `{percent: fraction}`, Contradiction, "can't be a fraction"},
		{"decimal", `{units: {kg: heavy}}`, BadRule, "not the factor of a unit"},
		{"decimal", `{units: {kg: 0}}`, BadRule, "not the factor of a unit"},
		{"decimal", `{units: {kg: -0}}`, BadRule, "not the factor of a unit"},
		{"decimal", `{factor: many}`, BadRule, "not a factor"},
		{"integer", `{factor: "0.0"}`, BadRule, "not a factor"},
		{"date", `{factor: 10}`, BadRule, "Only integer and decimal columns"},
		{"date", `{calendar: thai}`, BadRule, "Use one of gregorian, buddhist"},
		{"text", `{calendar: buddhist}`, BadRule, "Only date and datetime columns"},
		{"decimal", `{units: {k2: 1}}`, BadRule, "without digits"},
		{"text", `{replace: [{with: x}]}`, BadRule, "either a text or a pattern"},
		{"text", `{replace: [{pattern: "(", with: x}]}`, BadRule, "not a regular expression"},
		{"boolean", `{true_values: x, false_values: X}`, Contradiction, "both true and false"},
		{"text", `{case: capital}`, BadRule, "Use one of upper, lower"},
		{"text", `{unicode: nfd}`, BadRule, "Use one of nfc, nfkc"},
		{"email", `{case: upper}`, Contradiction, "Use case: lower"},
		{"date", `{default: today}`, Contradiction, "the ISO form"},
		{"text", `{default: a, blank: keep}`, Contradiction, "none keeps the value"},
		{"text", `{blank: leave}`, BadRule, "Use one of clear, keep"},
		{"text", `{unknown: 1}`, UnknownKey, "The keys are unicode, collapse"},
		{"text", `{trim: "` + strings.Repeat("x", 1001) + `"}`, BadRule, "The maximum is 1000"},
		{"text", `upper`, WrongKind, "must have keys"},
		{"text", `{lookup: [a]}`, WrongKind, "must have texts with values"},
		{"text", `{lookup: {a: }}`, WrongKind, "no value"},
	} {
		allowed := ""
		if c.typ == "enum" {
			allowed = ", allowed: [part, whole]"
		}
		_, err := Load("x.yaml", fmt.Appendf(nil, "name: x\nsheets:\n- name: r\n  key: id\n  columns:\n  - {name: id, type: integer, required: true}\n  - {name: v, type: %s%s,\n    rules: %s}\n", c.typ, allowed, c.rules))
		problems, _ := err.(Problems)
		if len(problems) != 1 || problems[0].Code != c.code || problems[0].Line != 8 || !strings.Contains(problems[0].Message, c.message) {
			t.Errorf("%s %s: %v", c.typ, c.rules, err)
		}
	}
}

func TestRulesThatKeysCannotHaveAreRefused(t *testing.T) {
	for column, message := range map[string]string{
		`{name: id, type: text, required: true, rules: {blank: keep}}`:                                          "belongs to the key",
		`{name: id, type: text, required: true, rules: {default: x}}`:                                           "every row needs its own value",
		`{name: id, type: text, required: true}, {name: v, type: text, required: true, rules: {blank: keep}}`:   "is required",
		`{name: id, type: text, required: true}, {name: v, type: text, unique: true, rules: {blank: keep}}`:     "is unique",
		`{name: id, type: text, required: true}, {name: v, type: text, references: r.id, rules: {case: upper}}`: "whose rule case is \"not set\"",
	} {
		_, err := Load("x.yaml", fmt.Appendf(nil, "name: x\nsheets:\n- name: r\n  key: id\n  columns: [%s]\n", column))
		if problems, _ := err.(Problems); len(problems) != 1 || problems[0].Code != Contradiction || !strings.Contains(problems[0].Message, message) {
			t.Errorf("%s: %v", column, err)
		}
	}
}

func TestRulesOfFileComeBeforeThoseOfSchema(t *testing.T) {
	base := &Rules{Decimal: ",", Thousands: ".", Empty: []string{"-"}}
	got := (&Rules{Decimal: ".", Thousands: NoSeparator}).Over(base)
	if want := (&Rules{Decimal: ".", Thousands: NoSeparator, Empty: []string{"-"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if base.Decimal != "," {
		t.Error("the rules of the schema were changed")
	}
}
