package mapping

import (
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// pricesSchema has a column of each type that can be ambiguous.
const pricesSchema = `
name: prices
sheets:
  - name: articles
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: price, type: decimal}
      - {name: share, type: decimal}
      - {name: since, type: date}
      - {name: active, type: boolean}
`

func prices(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.Load("prices.yaml", []byte(pricesSchema))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAmbiguousColumnsHaveReadings(t *testing.T) {
	header := []string{"Code", "Price", "Share", "Since", "Active"}
	for name, c := range map[string]struct {
		rows [][]string
		want map[string]string
	}{
		"nothing to choose": {[][]string{{"a", "1.5", "0.2", "2025-04-03", "yes"}, {"b", "1.250,50", "2", "25.12.2025", "no"}}, nil},
		"everything is open": {[][]string{{"a", "45.000", "12 %", "03/04/2025", "x"}},
			map[string]string{"price": "45000 45", "share": "12 0.12", "since": "2025-04-03 2025-03-04", "active": "TRUE FALSE"}},
		"other cells decide": {[][]string{{"a", "45.000", "12 %", "03/04/2025", "x"}, {"b", "1.250,50", "", "25/12/2025", "x"}},
			map[string]string{"price": "!45000 45", "share": "12 0.12", "since": "!2025-04-03 2025-03-04", "active": "TRUE FALSE"}},
		"points and months first": {[][]string{{"a", "45,000", "", "03/04/2025", ""}, {"b", "1,250.50", "", "12/25/2025", ""}},
			map[string]string{"price": "!45000 45", "since": "!2025-03-04 2025-04-03"}},
		"years of two digits": {[][]string{{"a", "", "", "03.04.85", ""}},
			map[string]string{"since": "1985-04-03 1985-03-04"}},
		"years of two digits among others": {[][]string{{"a", "", "", "03.04.2019", ""}, {"b", "", "", "1.2.21", ""}, {"c", "", "", "25.12.2025", ""}},
			map[string]string{"since": "!2019-04-03 2019-03-04"}},
		"currencies": {[][]string{{"a", "$45,000.00", "", "", ""}, {"b", "$1,250.50", "", "", ""}}, map[string]string{"price": "!45000"}},
		"ambiguous currencies": {[][]string{{"a", "45.000 €", "", "", ""}, {"b", "12 €", "", "", ""}},
			map[string]string{"price": "45000 45"}},
		"commas and points": {[][]string{{"a", "1.234,56", "", "", ""}, {"b", "1,234.56", "", "", ""}, {"c", "1.234", "", "", ""}, {"d", "12.50", "", "", ""}},
			map[string]string{"price": "1.234 1234"}},
		"commas and points, all clear": {[][]string{{"a", "1.234,56", "", "", ""}, {"b", "1,234.56", "", "", ""}}, nil},
		"commas and points with a currency": {[][]string{{"a", "1.234,56 €", "", "", ""}, {"b", "€1,234.56", "", "", ""}, {"c", "1.234 €", "", "", ""}},
			map[string]string{"price": "1234 1.234"}},
		"several currencies":        {[][]string{{"a", "45,000.00 $", "", "", ""}, {"b", "1,250.50 €", "", "", ""}}, nil},
		"one remark":                {[][]string{{"a", "tbd", "", "", ""}}, nil},
		"a remark among currencies": {[][]string{{"a", "tbd", "", "", ""}, {"b", "45.50 €", "", "", ""}, {"c", "12 €", "", "", ""}}, map[string]string{"price": "!45.5"}},
		"remarks":                   {[][]string{{"a", "see HR", "", "", ""}, {"b", "tbd", "", "", ""}}, nil},
		"dates without separators":  {[][]string{{"a", "", "", "01022019", ""}, {"b", "", "", "31122021", ""}}, map[string]string{"since": "!2019-02-01 2019-01-02"}},
		"years first":               {[][]string{{"a", "", "", "20190201", ""}, {"b", "", "", "20191231", ""}}, nil},
		"groups of three always": {[][]string{{"a", "32,312", "", "", ""}, {"b", "150,783", "", "", ""}, {"c", "9,956", "", "", ""}},
			map[string]string{"price": "32312 32.312"}},
		"Buddhist years": {[][]string{{"a", "", "", "03/04/2568", ""}, {"b", "", "", "25/12/2568", ""}},
			map[string]string{"since": "2025-04-03 2568-04-03 2025-03-04 2568-03-04"}},
		"a Buddhist leap day":          {[][]string{{"a", "", "", "29 ก.พ. 2567", ""}, {"b", "", "", "1 มี.ค. 2567", ""}}, map[string]string{"since": "!2024-02-29"}},
		"a Persian or historical year": {[][]string{{"a", "", "", "1404-01-14", ""}}, nil},
		"thousands next to the number": {[][]string{{"a", "45,5 T€", "", "", ""}, {"b", "38 T€", "", "", ""}},
			map[string]string{"price": "45500 45.5"}},
		"ambiguous thousands next to the number": {[][]string{{"a", "45.000 k", "", "", ""}}, map[string]string{"price": "45000000 45000 45000 45"}},
		"an accounting format":                   {[][]string{{"a", "$ 1,250.50", "", "", ""}, {"b", "$ -", "", "", ""}}, map[string]string{"price": "!1250.5"}},
		"a dash":                                 {[][]string{{"a", "12.5", "", "", ""}, {"b", "-", "", "", ""}}, map[string]string{"price": "0 "}},
		"a remark among marks":                   {[][]string{{"a", "", "", "TBD", ""}, {"b", "", "", "n/a", ""}, {"c", "", "", "k.A.", ""}}, map[string]string{"since": "!"}},
		"marks of missing values": {[][]string{{"a", "12.5", "", "2025-04-03", ""}, {"b", "n/a", "-", "k.A.", "?"}, {"c", "-", "n/a", "?", "-"}},
			map[string]string{"price": "!", "share": "!", "since": "!", "active": "!"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Look(t.Context(), book{"Articles": append([][]string{header}, c.rows...)}, prices(t), nil, false)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, column := range p.Proposals[0].Columns {
				var values []string
				for _, r := range column.Readings {
					values = append(values, r.Value)
				}
				if len(values) > 0 {
					got[column.Name] = map[bool]string{true: "!"}[column.ReadingSure] + strings.Join(values, " ")
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("the readings are %v", got)
			}
			for column, want := range c.want {
				if got[column] != want {
					t.Errorf("the readings of %s are %q, want %q", column, got[column], want)
				}
			}
		})
	}
}

// TestThousandsOfHeadersAreAsked has headers with a factor, which is offered and never applied without asking.
func TestThousandsOfHeadersAreAsked(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		values []string
		want   string
	}{
		"plain":         {"Price (k€)", []string{"45.5", "38"}, "45500 45.5"},
		"with commas":   {"Price in Tsd. EUR", []string{"45,5", "38"}, "45500 45.5"},
		"ambiguous":     {"Price in TEUR", []string{"1.250", "38"}, "1250000 1250 1250 1.25"},
		"with the unit": {"Price in Mio. €", []string{"1.5 €", "2 €"}, "1500000 1.5"},
		"zeros":         {"Price ($000)", []string{"0", "12"}, "12000 12"},
		"a dash":        {"Price (k€)", []string{"-", "45,5"}, "45500 45.5"},
		"no factor":     {"Price (€)", []string{"45.5"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := prices(t)
			rows := [][]string{{"Code", c.header}}
			for i, v := range c.values {
				rows = append(rows, []string{string(rune('a' + i)), v})
			}
			p, err := Look(t.Context(), book{"Articles": rows}, s, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			price := p.Proposals[0].Columns[1]
			var got []string
			for _, r := range price.Readings {
				got = append(got, r.Value)
			}
			if strings.Join(got, " ") != c.want || price.ReadingSure || p.Certain && c.want != "" {
				t.Errorf("the readings are %q, sure is %v, certain is %v", got, price.ReadingSure, p.Certain)
			}
			m := []imports.SheetMapping{{Sheet: "articles", Columns: map[string]string{"price": c.header}}}
			if err := Confirm(t.Context(), book{"Articles": rows}, s, m, false); (err == nil) != (c.want == "") {
				t.Errorf("with a mapping of the column: %v", err)
			}
			for _, r := range price.Readings {
				m[0].Rules = map[string]*schema.Rules{"price": r.Rules}
				if err := Confirm(t.Context(), book{"Articles": rows}, s, m, false); err != nil {
					t.Errorf("with the rules of a reading: %v", err)
				}
			}
		})
	}
	p, err := Look(t.Context(), book{"Articles": {{"Alle Beträge in TEUR"}, {}, {"Code", "Price", "Share (%)"}, {"a", "45.5", "3"}}}, prices(t), nil, false)
	if err != nil || len(p.Proposals[0].Columns[1].Readings) != 2 || len(p.Proposals[0].Columns[2].Readings) > 0 || p.Certain {
		t.Errorf("thousands of a title: the readings are %v, certain is %v: %v", p.Proposals[0].Columns[1].Readings, p.Certain, err)
	}
	thousands := strings.Replace(pricesSchema, "name: price,", "name: price, title: Price (k€),", 1)
	s, err := schema.Load("prices.yaml", []byte(thousands))
	if err != nil {
		t.Fatal(err)
	}
	p, err = Look(t.Context(), book{"Articles": {{"Code", "Price (k€)"}, {"a", "45.5"}}}, s, nil, false)
	if err != nil || !p.Certain {
		t.Errorf("a schema in thousands: certain is %v: %v", p.Certain, err)
	}
}

// TestAmbiguousValuesAreAsked has columns that are found by name, with values that have several readings.
func TestAmbiguousValuesAreAsked(t *testing.T) {
	s := prices(t)
	file := book{"Articles": {{"Code", "Price", "Since"}, {"a", "1.5", "03.04.2019"}, {"b", "2.5", "1.2.21"}}}
	p, err := Look(t.Context(), file, s, nil, false)
	if err != nil || p.Problem != nil || p.Certain {
		t.Fatalf("certain is %v, the problem is %v: %v", p.Certain, p.Problem, err)
	}
	err = Confirm(t.Context(), file, s, nil, false)
	if err == nil || !strings.Contains(err.Error(), "In the column “Since” (Articles!C1), “03.04.2019” can be read as 2019-04-03 or 2019-03-04") {
		t.Fatalf("the error is %v", err)
	}
	since := p.Proposals[0].Columns[2]
	m := []imports.SheetMapping{{Sheet: "articles", Rules: map[string]*schema.Rules{"since": since.Readings[0].Rules}}}
	if err := Confirm(t.Context(), file, s, m, false); err != nil {
		t.Errorf("with the rules of a reading: %v", err)
	}
	for _, text := range []string{"03.04.2019", "1.2.21"} {
		spec, _ := s.Sheets[0].Column("since")
		if _, ok := read(ruledBy(spec, since.Readings[0].Rules), text); !ok {
			t.Errorf("the rules don't read %s", text)
		}
	}
}

func TestRulesOfMappingAreChecked(t *testing.T) {
	s := prices(t)
	for _, c := range []struct {
		column  string
		rules   schema.Rules
		message string
	}{
		{"price", schema.Rules{Decimal: ","}, ""},
		{"total", schema.Rules{Decimal: ","}, "rules for the column “total”, which the sheet articles does not have"},
		{"price", schema.Rules{Decimal: ",", Thousands: ","}, "The rule thousands of the column “Price” is not valid"},
		{"since", schema.Rules{Decimal: ","}, "Only integer and decimal columns have one"},
		{"code", schema.Rules{Blank: schema.KeepBlank}, "belongs to the key"},
	} {
		err := Check(s, []imports.SheetMapping{{Sheet: "articles", Rules: map[string]*schema.Rules{c.column: &c.rules}}})
		if c.message == "" && err != nil || c.message != "" && (err == nil || !strings.Contains(err.Error(), c.message)) {
			t.Errorf("%s %v: %v", c.column, c.rules.Set(), err)
		}
	}
}

func TestConstantIsReadByRulesOfMapping(t *testing.T) {
	m := []imports.SheetMapping{{Sheet: "articles", Constants: map[string]string{"price": "45.000"}}}
	if err := Check(prices(t), m); err == nil {
		t.Error("an ambiguous constant is accepted")
	}
	m[0].Rules = map[string]*schema.Rules{"price": {Thousands: "."}}
	if err := Check(prices(t), m); err != nil {
		t.Error(err)
	}
}

func TestMappingCannotChangeCaseOfSchema(t *testing.T) {
	s, err := schema.Load("prices.yaml", []byte(strings.Replace(pricesSchema, "required: true", "required: true, rules: {case: upper}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	err = Check(s, []imports.SheetMapping{{Sheet: "articles", Rules: map[string]*schema.Rules{"code": {Case: schema.Lower}}}})
	if err == nil || !strings.Contains(err.Error(), "another case") {
		t.Errorf("the error is %v", err)
	}
}

// TestColumnsThatNeedRulesAreAsked has numbers with a currency below a header that is found by name.
func TestColumnsThatNeedRulesAreAsked(t *testing.T) {
	s, file := prices(t), book{"Articles": {{"Code", "Price"}, {"a", "$45,000.00"}, {"b", "$12"}}}
	err := Confirm(t.Context(), file, s, nil, false)
	if err == nil || !strings.Contains(err.Error(), "“$45,000.00” can be read as 45000 with value rules") {
		t.Errorf("the error is %v", err)
	}
	m := []imports.SheetMapping{{Sheet: "articles", Rules: map[string]*schema.Rules{"price": {Units: map[string]string{"$": "1"}}}}}
	if err := Confirm(t.Context(), file, s, m, false); err != nil {
		t.Errorf("with rules: %v", err)
	}
}

// TestMixedDecimalsAreCounted has numbers with a decimal comma and with a decimal point in one column. The rules of its readings concern
// only those that can have either.
func TestMixedDecimalsAreCounted(t *testing.T) {
	rows := [][]string{{"Code", "Price", "Share"}, {"a", "1.234,56", "1.5"}, {"b", "1,234.56", "2.5"}, {"c", "1.234", "1.234"}, {"d", "12,50", "7"}, {"e", "12", ""}}
	p, err := Look(t.Context(), book{"Articles": rows}, prices(t), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	price, share := p.Proposals[0].Columns[1], p.Proposals[0].Columns[2]
	if price.Mixed != (MixedDecimals{Comma: 2, Point: 1, Either: 1}) || share.Mixed != (MixedDecimals{}) {
		t.Errorf("the decimals are %+v and %+v", price.Mixed, share.Mixed)
	}
	spec, _ := prices(t).Sheets[0].Column("price")
	for _, r := range price.Readings {
		for _, row := range rows[1:] {
			if _, ok := read(ruledBy(spec, r.Rules), row[1]); !ok {
				t.Errorf("the rules for %s don't read %s", r.Value, row[1])
			}
		}
	}
	if len(price.Readings) != 2 || price.ReadingSure {
		t.Errorf("the readings are %+v", price.Readings)
	}
}
