package mapping

import (
	"strings"
	"testing"

	"headway/services/importer/internal/schema"
)

const paymentsSchema = `
name: payments
sheets:
  - name: payments
    key: text
    columns:
      - {name: text, type: text, required: true}
      - {name: amount, type: decimal, required: true}
      - {name: balance, type: decimal}
`

func TestColumnsOfDebitsAndCreditsAreJoined(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		rows   []string
		want   string
	}{
		"two columns":     {"Text,Debit,Credit,Balance", []string{"a,4.50,,95.50", "b,,20.00,115.50"}, "Credit - Debit"},
		"with a currency": {"Text,Money Out (£),Money In (£)", []string{"a,£4.50,", "b,,£20.00"}, "Money In (£) - Money Out (£): 4.5"},
		"with zeros":      {"Text,Soll EUR,Haben EUR", []string{"a,4.50,0.00", "b,0.00,20.00"}, "Haben EUR - Soll EUR"},
		"ambiguous":       {"Text,Débit,Crédit", []string{"a,4.500,", "b,,2.000"}, "Crédit - Débit: 4500 4.5"},
		"with signs":      {"Text,Debit,Credit", []string{"a,-4.50,", "b,,20.00"}, ""},
		"both in a row":   {"Text,Debit,Credit", []string{"a,4.50,3.00", "b,,20.00"}, ""},
		"an amount":       {"Text,Amount,Debit,Credit", []string{"a,-4.50,4.50,", "b,20.00,,20.00"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := schema.Load("payments.yaml", []byte(paymentsSchema))
			if err != nil {
				t.Fatal(err)
			}
			rows := [][]string{strings.Split(c.header, ",")}
			for _, r := range c.rows {
				rows = append(rows, strings.Split(r, ","))
			}
			p, err := Look(t.Context(), book{"Payments": rows}, s, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			o, got := p.Proposals[0], ""
			for _, j := range o.Joins {
				got = j.Headers[0] + " - " + strings.Join(j.Negated, ", ")
				for _, column := range o.Columns {
					for i, r := range column.Readings {
						got += map[bool]string{true: ": "}[i == 0] + map[bool]string{true: " "}[i > 0] + r.Value
					}
				}
			}
			if got != c.want || c.want != "" && p.Certain {
				t.Errorf("the join is %q, certain is %v", got, p.Certain)
			}
		})
	}
}
