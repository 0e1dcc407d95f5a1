// Package locale recognizes how the values of a column are written: the language of the months, whether the day or the month
// comes first, and the separators of decimals and of groups of digits. One value can have several readings. All values
// together often have only one.
package locale

import (
	"slices"
	"strings"
)

// Kind is the kind of the values of a column.
type Kind uint8

// The kinds.
const (
	Text Kind = iota
	Date
	Number
	Percent
	Currency
)

// Form is how the values of a column are written.
type Form struct {
	Kind Kind
	// Order is that of dates, and Language is that of the names of months. It is empty if months are numbers.
	Order    Order
	Language string
	months   map[string]int
	// Point separates the decimals of numbers, and Group separates groups of digits. A Group of 0 means that there are none.
	Point, Group byte
}

// Recognize returns how the values of a column are written, or several forms if the values have a different meaning in
// each. Missing values are left out.
func Recognize(values []string) []Form {
	var filled []string
	for _, v := range values {
		if !Missing(v) {
			filled = append(filled, v)
		}
	}
	if len(filled) == 0 || identifiers(filled) {
		return []Form{{Kind: Text}}
	}
	if forms := dateForms(filled); len(forms) > 0 {
		return forms
	}
	if forms := numberForms(filled); len(forms) > 0 {
		return forms
	}
	return []Form{{Kind: Text}}
}

// identifiers reports whether values are digits that are not numbers: one begins with a zero, or has more digits than a
// number keeps.
func identifiers(values []string) bool {
	marked := false
	for _, v := range values {
		v = strings.TrimSpace(v)
		if strings.Trim(v, "0123456789") != "" {
			return false
		}
		marked = marked || len(v) > 1 && v[0] == '0' || len(v) > 15
	}
	return marked
}

// Read returns a value in its plain form: a date as 2006-01-02, a number with a point, a percentage as a number of
// hundredths, and a text unchanged. It reports false for a value that is not written in this form.
func (f Form) Read(value string) (string, bool) {
	switch f.Kind {
	case Text:
		return value, true
	case Date:
		d, ok := splitDate(value)
		if !ok {
			return "", false
		}
		t, ok := d.date(f.Order, f.months)
		return t.Format("2006-01-02"), ok
	}
	n, ok := splitNumber(value)
	if !ok {
		return "", false
	}
	return n.plain(separators{f.Point, f.Group})
}

// dateForms returns the orders and languages in which all values are dates. Forms with the same dates are one.
func dateForms(values []string) []Form {
	parts := make([]dateParts, len(values))
	named := 0
	for i, v := range values {
		var ok bool
		if parts[i], ok = splitDate(v); !ok {
			return nil
		}
		if parts[i].word != "" {
			named++
		}
	}
	var forms []Form
	var meanings []string
	try := func(f Form) {
		var all strings.Builder
		for _, p := range parts {
			t, ok := p.date(f.Order, f.months)
			if !ok {
				return
			}
			all.WriteString(t.Format("20060102"))
		}
		if !slices.Contains(meanings, all.String()) {
			forms, meanings = append(forms, f), append(meanings, all.String())
		}
	}
	if named > 0 {
		for _, l := range languages {
			for _, o := range []Order{DMY, YMD} {
				try(Form{Kind: Date, Order: o, Language: l.name, months: l.months})
			}
			if len(forms) > 0 {
				return forms[:1]
			}
		}
		return nil
	}
	// Where points separate the parts, the day comes first everywhere. A year of two digits hardly ever comes first.
	for _, o := range []Order{DMY, MDY, YMD} {
		if len(forms) > 0 && (o == YMD || parts[0].separator == '.') {
			break
		}
		try(Form{Kind: Date, Order: o})
	}
	return forms
}

// numberForms returns the conventions by which all values are numbers. Forms with the same numbers are one.
func numberForms(values []string) []Form {
	parts := make([]numberParts, len(values))
	percent, currency := 0, 0
	for i, v := range values {
		var ok bool
		if parts[i], ok = splitNumber(v); !ok {
			return nil
		}
		if parts[i].percent {
			percent++
		}
		if parts[i].currency != "" {
			currency++
		}
	}
	kind := Number
	switch {
	case percent > 0:
		kind = Percent
	case currency > 0:
		kind = Currency
	}
	var forms []Form
	var meanings []string
	for _, c := range conventions {
		var all strings.Builder
		fits := true
		for _, p := range parts {
			n, ok := p.plain(c)
			if fits = fits && ok; !fits {
				break
			}
			all.WriteString(n + " ")
		}
		if fits && !slices.Contains(meanings, all.String()) {
			forms, meanings = append(forms, Form{Kind: kind, Point: c.point, Group: c.group}), append(meanings, all.String())
		}
	}
	if separator := alwaysThree(parts); len(forms) > 1 && separator != 0 {
		// Decimals that always have three digits, but never a zero before them, are groups.
		forms = slices.DeleteFunc(forms, func(f Form) bool { return f.Point == separator })
	}
	return forms
}

// alwaysThree returns the separator of values that always have three digits after it, if there are several of them, and
// all values without separators are below 1,000. Otherwise it returns 0.
func alwaysThree(parts []numberParts) (separator byte) {
	separated := 0
	for _, p := range parts {
		at := strings.LastIndexAny(p.digits, ".,' ")
		switch {
		case at < 0 && len(p.digits) > 3, at >= 0 && len(p.digits)-at != 4, at >= 0 && p.digits[0] == '0':
			return 0
		case at >= 0 && separator != 0 && separator != p.digits[at]:
			return 0
		case at >= 0:
			separator = p.digits[at]
			separated++
		}
	}
	if separated < 3 {
		return 0
	}
	return separator
}
