package mapping

import (
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

func TestSignsNextToAmountsAreOffered(t *testing.T) {
	for name, c := range map[string]struct {
		rows [][]string
		// want are the headers that are joined, and the values of the first amount or of one that is ambiguous.
		want string
	}{
		"Soll and Haben":       {[][]string{{"Code", "Price", "S/H"}, {"a", "1.250,50", "S"}, {"b", "12,00", "H"}}, "Price + S/H: 1.250,50 S is -1250.5 1250.5"},
		"credits first":        {[][]string{{"Code", "Price", "S/H"}, {"a", "12,00", "H"}, {"b", "1.250,50", "S"}}, "Price + S/H: 12,00 H is 12 -12"},
		"ambiguous amounts":    {[][]string{{"Code", "Price", "S/H"}, {"a", "1.250", "S"}, {"b", "12,00", "H"}}, "Price + S/H: 1.250 S is -1250 1250 -1.25 1.25"},
		"the mark comes first": {[][]string{{"Code", "Af Bij", "Price"}, {"a", "Af", "12,50"}, {"b", "Bij", "3,00"}}, "Price + Af Bij: 12,50 Af is -12.5 12.5"},
		"two amounts": {[][]string{{"Code", "Price", "S/H", "Share", "S/H"}, {"a", "1,50", "S", "12,50", "H"}, {"b", "2,50", "H", "15,00", "H"}},
			"Price + S/H: 1,50 S is -1.5 1.5"},
		"only credits are marked":   {[][]string{{"Code", "Price", "Mark"}, {"a", "12.50", ""}, {"b", "3.00", "CR"}}, "Price + Mark: 3.00 CR is 3 -3"},
		"only debits are marked":    {[][]string{{"Code", "Price", "Mark"}, {"a", "12.50", "Dr."}, {"b", "3.00", ""}}, "Price + Mark: 12.50 Dr. is -12.5 12.5"},
		"some have no mark":         {[][]string{{"Code", "Price", "S/H"}, {"a", "12.50", "S"}, {"b", "3.00", "H"}, {"c", "4.00", ""}}, ""},
		"the amounts have signs":    {[][]string{{"Code", "Price", "S/H"}, {"a", "-12.50", "S"}, {"b", "3.00", "H"}}, ""},
		"another column of letters": {[][]string{{"Code", "Price", "Class"}, {"a", "12.50", "A"}, {"b", "3.00", "B"}}, ""},
		"one letter":                {[][]string{{"Code", "Price", "Class"}, {"a", "12.50", "D"}, {"b", "3.00", "D"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, file := prices(t), book{"Articles": c.rows}
			p, err := Look(t.Context(), file, s, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			o := p.Proposals[0]
			var got []string
			m := imports.SheetMapping{Sheet: "articles", Joins: o.Joins, Rules: map[string]*schema.Rules{}}
			for _, join := range o.Joins {
				for _, column := range o.Columns {
					if column.Name != join.Column {
						continue
					}
					line := strings.Join(join.Headers, " + ") + ":"
					for i, r := range column.Readings {
						if i == 0 {
							line += " " + r.Cell + " is"
						}
						line += " " + r.Value
					}
					got = append(got, line)
					m.Rules[column.Name] = column.Readings[0].Rules
					if column.ReadingSure {
						t.Error("a sign is sure")
					}
				}
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("the signs are %q", got)
			}
			if c.want == "" {
				return
			}
			if err := Confirm(t.Context(), file, s, nil, false); err == nil || !strings.Contains(err.Error(), "could have the signs of “Price”") {
				t.Errorf("without a mapping: %v", err)
			}
			if err := Confirm(t.Context(), file, s, []imports.SheetMapping{m}, false); err != nil {
				t.Errorf("with the first reading: %v", err)
			}
			m = imports.SheetMapping{Sheet: "articles", Columns: map[string]string{"price": "Price"}}
			if p, err = Look(t.Context(), file, s, []imports.SheetMapping{m}, false); err != nil || len(p.Proposals[0].Joins) > 0 {
				t.Errorf("with a mapping of the amounts, the joins are %v: %v", p.Proposals[0].Joins, err)
			}
		})
	}
}

func TestAmountsWithoutMarkHaveTheOtherSign(t *testing.T) {
	spec := &schema.Column{Name: "amount", Type: schema.Decimal}
	s, found := signsOf([]string{"CR"}, 3)
	if !found {
		t.Fatal("the mark is not found")
	}
	var got []string
	for _, rules := range s.rules(nil) {
		for _, cell := range []string{"99.00 CR", "99.00"} {
			value, _ := read(ruledBy(spec, rules), cell)
			got = append(got, value)
		}
	}
	if fmt.Sprint(got) != "[99 -99 -99 99]" {
		t.Errorf("the values are %v", got)
	}
}
