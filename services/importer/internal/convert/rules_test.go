package convert_test

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

// ruleExample is a line of a table of docs/value-rules.md.
type ruleExample struct {
	line                        int
	section                     string
	typ, rules, cell, value, by string
}

var ruleCell = regexp.MustCompile("^`(.*?)`(?: \\(a number(?: in the format `(.*)`)?\\))?$")

func ruleExamples(t testing.TB) (examples []ruleExample) {
	t.Helper()
	f, err := os.Open("../../../../docs/value-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		fields := strings.Split(strings.Trim(line, "|"), "|")
		if len(fields) != 5 {
			t.Fatalf("line %d has %d columns: %s", n, len(fields), line)
		}
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		examples = append(examples, ruleExample{n, section, strings.Trim(fields[0], "`"), strings.Trim(fields[1], "`"), fields[2], strings.Trim(fields[3], "`"), fields[4]})
	}
	return examples
}

// ruledColumn returns the column of an example, as the loader of schemas reads it.
func ruledColumn(t testing.TB, typ, rules string) *schema.Column {
	t.Helper()
	allowed := ""
	if typ == "enum" {
		allowed = ", allowed: [full_time, part_time]"
	}
	s, err := schema.Load("example.yaml", fmt.Appendf(nil,
		"name: example\nsheets:\n- name: rows\n  key: id\n  columns:\n  - {name: id, type: integer, required: true}\n  - {name: value, type: %s%s, rules: %s}\n", typ, allowed, rules))
	if err != nil {
		t.Fatal(err)
	}
	return s.Sheets[0].Columns[1]
}

func TestDocumentedRules(t *testing.T) {
	examples := ruleExamples(t)
	seen := map[string]bool{}
	for _, e := range examples {
		spec := ruledColumn(t, e.typ, e.rules)
		for _, key := range spec.Rules.Set() {
			seen[key] = seen[key] || strings.Contains(e.section, key)
		}
		value, by := convertExample(t, spec, e.cell)
		if value != e.value || by != e.by {
			t.Errorf("docs/value-rules.md:%d: %s %s %s: got %q by %q, want %q by %q", e.line, e.typ, e.rules, e.cell, value, by, e.value, e.by)
		}
	}
	for _, key := range allRules(t) {
		if !seen[key] {
			t.Errorf("the section of the rule %s has no example with it", key)
		}
	}
}

// allRules returns the keys of all rules, from the message about an unknown one.
func allRules(t *testing.T) []string {
	t.Helper()
	_, err := schema.Load("x.yaml", []byte("name: x\nsheets:\n- name: r\n  key: id\n  columns:\n  - {name: id, type: integer, required: true, rules: {nothing: 1}}\n"))
	_, list, found := strings.Cut(fmt.Sprint(err), "The keys are ")
	if !found {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(list), ", ")
}

func convertExample(t testing.TB, spec *schema.Column, written string) (value, by string) {
	t.Helper()
	cell := source.Cell{}
	if written != "" {
		m := ruleCell.FindStringSubmatch(written)
		if m == nil {
			t.Fatalf("the cell %s is not in the form of a cell", written)
		}
		s, err := strconv.Unquote(`"` + strings.ReplaceAll(m[1], `"`, `\"`) + `"`)
		if err != nil {
			t.Fatal(err)
		}
		cell = source.Cell{Kind: source.Text, Text: []byte(s), Format: general}
		if strings.Contains(written, "(a number") {
			cell.Kind, cell.Format = source.Number, &source.NumberFormat{Code: m[2]}
		}
	}
	c, err := convert.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	v, _, f := c.Convert(&cell, &xlsx.Workbook{}, nil)
	if f != nil && !f.Normalized() {
		return f.Code.String(), ""
	}
	switch {
	case v.Kind == imports.Null:
		value = "empty"
	case spec.Type == schema.Boolean:
		value = strings.ToUpper(strconv.FormatBool(v.Int == 1))
	default:
		value = string(v.Append(nil))
	}
	return value, strings.Join(changedBy(f), ", ")
}

// changedBy returns the names of what changed a cell, in the order in which it is applied: cleaning comes first, and reading last.
func changedBy(f *convert.Fault) (names []string) {
	if f == nil {
		return nil
	}
	for r := range schema.RuleCount {
		if f.Rules().Has(r) {
			names = append(names, r.String())
		}
	}
	return names
}

func TestRulesDoNotChangeOtherCells(t *testing.T) {
	for _, typ := range []string{"decimal", "date", "boolean", "text", "enum"} {
		spec := ruledColumn(t, typ, "{empty: [nothing]}")
		for _, r := range readTable(t) {
			if string(r.typ) != typ || typ == "enum" {
				continue
			}
			cell := tableCell(t, r.cell)
			c, _ := convert.Compile(spec)
			plain := *spec
			plain.Rules = nil
			p, _ := convert.Compile(&plain)
			v, _, f := c.Convert(&cell, &xlsx.Workbook{}, nil)
			pv, _, pf := p.Convert(&cell, &xlsx.Workbook{}, nil)
			if !v.Equal(pv) || (f == nil) != (pf == nil) || f != nil && (f.Code != pf.Code || f.Message() != pf.Message()) {
				t.Errorf("%s %q: %v %v, without rules %v %v", typ, r.cell, v, f, pv, pf)
			}
		}
	}
}

func TestRuleThatMakesTextTooLongIsAnIssue(t *testing.T) {
	for _, rules := range []string{
		`{replace: [{text: a, with: "` + strings.Repeat("b", 1000) + `"}]}`,
		`{replace: [{pattern: "(.+)", with: "` + strings.Repeat("$1", 100) + `"}]}`,
		`{add_prefix: "` + strings.Repeat("b", 1000) + `"}`,
	} {
		c, err := convert.Compile(ruledColumn(t, "text", rules))
		if err != nil {
			t.Fatal(err)
		}
		cell := source.Cell{Kind: source.Text, Text: []byte(strings.Repeat("a", 32_000)), Format: general}
		if _, _, f := c.Convert(&cell, nil, nil); f == nil || f.Code != imports.Length {
			t.Errorf("%.40s: %v", rules, f)
		}
	}
}

// FuzzRules checks what the documentation promises of the rules: the same rule changes its own result no more, and texts that
// a rule makes equal have the same value.
func FuzzRules(f *testing.F) {
	for _, e := range ruleExamples(f) {
		if m := ruleCell.FindStringSubmatch(e.cell); m != nil {
			f.Add(m[1])
		}
	}
	f.Add("\u1E9B\u0323 ǰ ŉ ΐ")
	f.Add("  a\u3000\u00a0b\t")
	idempotent := []string{"{unicode: nfkc}", "{collapse: true}", `{trim: "*# "}`, "{case: upper}", "{case: lower}", "{add_prefix: X-, add_suffix: -Y}",
		"{unicode: nfkc, collapse: true, case: upper}"}
	var columns []*convert.Column
	for _, rules := range idempotent {
		c, err := convert.Compile(ruledColumn(f, "text", rules))
		if err != nil {
			f.Fatal(err)
		}
		columns = append(columns, c)
	}
	var others []*convert.Column
	for _, e := range ruleExamples(f) {
		c, err := convert.Compile(ruledColumn(f, e.typ, e.rules))
		if err != nil {
			f.Fatal(err)
		}
		others = append(others, c)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := source.Cell{Kind: source.Text, Text: []byte(s), Format: general}
		for i, c := range columns {
			v, _, fault := c.Convert(&cell, nil, nil)
			if fault != nil && !fault.Normalized() || v.Kind == imports.Null {
				continue
			}
			again := source.Cell{Kind: source.Text, Text: slices.Clone(v.Bytes), Format: general}
			w, _, fault := c.Convert(&again, nil, nil)
			if fault != nil || !v.Equal(w) {
				t.Errorf("%s: %q is %q, and then %q (%v)", idempotent[i], s, v.Bytes, w.Bytes, fault)
			}
		}
		for _, c := range others {
			before := slices.Clone(cell.Text)
			v, _, fault := c.Convert(&cell, &xlsx.Workbook{}, make([]byte, 3, 64))
			if string(cell.Text) != string(before) {
				t.Errorf("the cell %q was changed", s)
			}
			if fault != nil && !fault.Normalized() && (fault.Message() == "" || v.Kind != imports.Null) {
				t.Errorf("%q: %v with the value %v", s, fault, v)
			}
		}
	})
}
