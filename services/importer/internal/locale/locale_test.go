package locale_test

import (
	"slices"
	"testing"

	"headway/services/importer/internal/locale"
)

func TestColumnsAreReadInTheirForm(t *testing.T) {
	for name, c := range map[string]struct {
		values, want []string
		kind         locale.Kind
	}{
		"day before month":          {[]string{"03/04/2025", "25/12/2024", "n/a"}, []string{"2025-04-03", "2024-12-25", ""}, locale.Date},
		"month before day":          {[]string{"3/4/25", "12/25/98"}, []string{"2025-03-04", "1998-12-25"}, locale.Date},
		"points":                    {[]string{"3.4.25", "1.2.2024"}, []string{"2025-04-03", "2024-02-01"}, locale.Date},
		"year first":                {[]string{"2025-04-03", "2025/12/24"}, []string{"2025-04-03", "2025-12-24"}, locale.Date},
		"English":                   {[]string{"Mar 5, 2020", "September 17, 2021"}, []string{"2020-03-05", "2021-09-17"}, locale.Date},
		"weekdays":                  {[]string{"Sat, May 13 2006", "Mon, Dec 17 2007"}, []string{"2006-05-13", "2007-12-17"}, locale.Date},
		"Spanish weekdays":          {[]string{"mar 5 mar 2024", "lun 6 may 2024"}, []string{"2024-03-05", "2024-05-06"}, locale.Date},
		"German":                    {[]string{"3. März 2024", "17. Dez. 2023"}, []string{"2024-03-03", "2023-12-17"}, locale.Date},
		"Portuguese":                {[]string{"26 de abril de 2027", "23 de agosto de 2009"}, []string{"2027-04-26", "2009-08-23"}, locale.Date},
		"November in Polish":        {[]string{"5 listopada 2020", "6 grudnia 2020"}, []string{"2020-11-05", "2020-12-06"}, locale.Date},
		"October in Croatian":       {[]string{"5. listopada 2020.", "6. prosinca 2020."}, []string{"2020-10-05", "2020-12-06"}, locale.Date},
		"Ukrainian":                 {[]string{"19 лип. 2022 р.", "24 черв. 2017 р."}, []string{"2022-07-19", "2017-06-24"}, locale.Date},
		"Hebrew":                    {[]string{"21 באפריל 2024", "24 ביולי 2026"}, []string{"2024-04-21", "2026-07-24"}, locale.Date},
		"Arabic digits":             {[]string{"٢٠ يونيو ٢٠٢٥", "٢١ أغسطس ٢٠١٤"}, []string{"2025-06-20", "2014-08-21"}, locale.Date},
		"Japanese":                  {[]string{"2022年5月24日"}, []string{"2022-05-24"}, locale.Date},
		"Vietnamese":                {[]string{"16 tháng 7, 2029"}, []string{"2029-07-16"}, locale.Date},
		"Latvian":                   {[]string{"2010. gada 28. jūnijs"}, []string{"2010-06-28"}, locale.Date},
		"with the time":             {[]string{"10/25/2022 12:00 PM", "03/15/2025 5:51 AM"}, []string{"2022-10-25", "2025-03-15"}, locale.Date},
		"digits only":               {[]string{"20240131", "19991224"}, []string{"2024-01-31", "1999-12-24"}, locale.Date},
		"decimal commas":            {[]string{"1.234,50", "0,25", "-7"}, []string{"1234.50", "0.25", "-7"}, locale.Number},
		"decimal points":            {[]string{"1,234.5", "(12.25)"}, []string{"1234.5", "-12.25"}, locale.Number},
		"India":                     {[]string{"2,58,66,881.57", "-6,609.02"}, []string{"25866881.57", "-6609.02"}, locale.Number},
		"Switzerland":               {[]string{"4'972’268.41"}, []string{"4972268.41"}, locale.Number},
		"narrow blanks":             {[]string{"830\u202f530,32", "−0,86"}, []string{"830530.32", "-0.86"}, locale.Number},
		"groups of three always":    {[]string{"32,312", "150,783", "432", "9,956"}, []string{"32312", "150783", "432", "9956"}, locale.Number},
		"exponents":                 {[]string{"-5.982E+4", "4.683E+0"}, []string{"-5.982e4", "4.683e0"}, locale.Number},
		"percent":                   {[]string{"\u200e12,5 %", "٪3"}, []string{"12.5", "3"}, locale.Percent},
		"currencies":                {[]string{"€ 1.234,50", "US$ 3,25", "12,00 kr."}, []string{"1234.50", "3.25", "12.00"}, locale.Currency},
		"leading zeros":             {[]string{"01234", "20860"}, []string{"01234", "20860"}, locale.Text},
		"long digits":               {[]string{"2252646455266437782"}, []string{"2252646455266437782"}, locale.Text},
		"versions":                  {[]string{"12.26.25", "10.18.6"}, []string{"12.26.25", "10.18.6"}, locale.Text},
		"words with numbers":        {[]string{"Room 12", "Room 14"}, []string{"Room 12", "Room 14"}, locale.Text},
		"words":                     {[]string{"may", "june"}, []string{"may", "june"}, locale.Text},
		"a day that does not exist": {[]string{"31.02.2024"}, []string{"31.02.2024"}, locale.Text},
		"nothing":                   {[]string{"", "-"}, []string{"", ""}, locale.Text},
	} {
		t.Run(name, func(t *testing.T) {
			forms := locale.Recognize(c.values)
			if len(forms) != 1 || forms[0].Kind != c.kind {
				t.Fatalf("the forms are %+v", forms)
			}
			got := make([]string, len(c.values))
			for i, v := range c.values {
				if !locale.Missing(v) {
					got[i], _ = forms[0].Read(v)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestColumnsWithTwoMeaningsHaveTwoForms(t *testing.T) {
	for name, values := range map[string][]string{
		"dates":   {"03/04/2025", "5/6/2024"},
		"numbers": {"1.234", "5.678"},
	} {
		if forms := locale.Recognize(values); len(forms) != 2 {
			t.Errorf("%s: the forms are %+v", name, forms)
		}
	}
}

func FuzzRecognize(f *testing.F) {
	for _, seed := range []string{"3.4.25", "Mar 5, 2020", "1.234,50", "12 %", "٢٠ يونيو ٢٠٢٥", "(1", "5:", "1e9", "12:30 x", "--", "'1"} {
		f.Add(seed, "1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, form := range locale.Recognize([]string{a, b}) {
			for _, v := range []string{a, b} {
				if _, ok := form.Read(v); !ok && !locale.Missing(v) {
					t.Errorf("%+v does not read %q", form, v)
				}
			}
		}
	})
}
