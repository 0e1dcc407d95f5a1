package mapping

import "testing"

func TestFactorsOfHeadersAreFound(t *testing.T) {
	for header, want := range map[string]string{
		"Gehalt (T€)": "1000", "Umsatz in TEUR": "1000", "Umsatz in Tsd. EUR": "1000", "Salary (k€)": "1000", "Revenue ($000)": "1000", "Revenue £'000": "1000",
		"Revenue (000s)": "1000", "Sales (in thousands)": "1000", "Sales $ thousands (in thousands of $)": "1000", "CA (k€)": "1000", "CA en milliers d’euros": "1000",
		"Ventas (miles de €)": "1000", "Выручка, тыс. руб.": "1000", "Przychód (tys. zł)": "1000", "Tržby (tis. Kč)": "1000", "売上高（千円）": "1000", "USD k": "1000",
		"Umsatz Mio. €": "1000000", "Revenue ($m)": "1000000", "EUR mn": "1000000", "Ricavi (mln €)": "1000000", "Revenue (in millions)": "1000000", "売上高（百万円）": "1000000",
		"Budget Mrd. €": "1000000000", "₹ Cr": "10000000", "Turnover (Rs. in lakhs)": "100000", "매출(만원)": "10000",
		"Salary": "", "Gehalt (€)": "", "Length (m)": "", "Weight (t)": "", "Distance (miles)": "", "Temperature (K)": "", "Tel.": "", "Amount EUR": "", "Price in $": "",
		"Thousand Oaks": "", "Mile": "", "Market €": "", "Kr": "", "MT EUR": "", "Nr. 000": "", "Betrag in EUR": "", "Rate per 1000": "", "Bonus %": "", "M": "", "Tis": "",
	} {
		if got := factorIn(header); got != want {
			t.Errorf("the factor of %q is %q, want %q", header, got, want)
		}
	}
}
