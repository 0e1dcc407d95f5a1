package match

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func columns(names ...string) []Column {
	list := make([]Column, len(names))
	for i, n := range names {
		list[i].Names = []string{n}
	}
	return list
}

func TestHeadersOfListsOfStaffMatch(t *testing.T) {
	spec := []Column{{Names: []string{"number", "Personalnummer"}}, {Names: []string{"name", "Name"}}, {Names: []string{"salary", "Gehalt"}}, {Names: []string{"hired_on", "Eintritt"}}}
	for _, headers := range [][]string{{"Табельный номер", "ФИО", "Оклад, тыс. руб.", "Дата приёма"}, {"الرقم الوظيفي", "الاسم", "الراتب", "تاريخ التعيين"}} {
		for _, p := range Match(columns(headers...), spec) {
			if p.Assigned && p.Score > .3 && p.A != p.B {
				t.Errorf("%s is %s", headers[p.A], spec[p.B].Names[0])
			}
			if p.A == p.B && (!p.Assigned || p.Score <= .3) {
				t.Errorf("%s is not %s: %v", headers[p.A], spec[p.B].Names[0], p.Score)
			}
		}
	}
}

// TestHeadersMatchInManyLanguages matches headers as people write them, without any values.
func TestHeadersMatchInManyLanguages(t *testing.T) {
	spec := []Column{
		{Names: []string{"employee_number", "Employee number"}},
		{Names: []string{"first_name", "First name"}},
		{Names: []string{"last_name", "Last name"}},
		{Names: []string{"birth_date", "Date of birth"}},
		{Names: []string{"hired_on", "Hired on"}},
		{Names: []string{"department_code", "Department"}},
		{Names: []string{"email", "E-mail"}},
		{Names: []string{"salary", "Salary"}},
	}
	for language, headers := range map[string][]string{
		"English":    {"Employee No.", "Given Name", "Surname", "DOB", "Hire Date", "Dept", "Mail", "Annual salary"},
		"German":     {"Personalnummer Mitarbeiter", "Vorname", "Nachname", "Geburtsdatum", "Einstellungsdatum", "Abteilung", "E-Mail-Adresse", "Gehalt"},
		"French":     {"Numéro employé", "Prénom", "Nom de famille", "Date de naissance", "Date d'embauche", "Département", "Courriel", "Salaire"},
		"Spanish":    {"Número de empleado", "Nombre", "Apellidos", "Fecha de nacimiento", "Fecha de contratación", "Departamento", "Correo electrónico", "Sueldo"},
		"Polish":     {"Numer pracownika", "Imię", "Nazwisko", "Data urodzenia", "Data zatrudnienia", "Dział", "E-mail służbowy", "Wynagrodzenie"},
		"Short":      {"emp_no", "fname", "lname", "birth_dt", "hiredt", "dept_cd", "email_addr", "sal"},
		"Chinese":    {"员工编号", "名字", "姓", "出生日期", "入职日期", "部门", "邮箱", "工资"},
		"Misspelled": {"Employe number", "Fist name", "Lastname", "Date of brith", "hired_onn", "Departement", "e_mail", "Salry"},
	} {
		best := map[int]int{}
		for _, p := range Match(columns(headers...), spec) {
			if _, known := best[p.A]; !known && p.Score > .3 {
				best[p.A] = p.B
			}
		}
		for i, header := range headers {
			if j, ok := best[i]; !ok || j != i {
				got := "nothing"
				if ok {
					got = spec[j].Names[0]
				}
				t.Errorf("%s: %q matches %s, want %s", language, header, got, spec[i].Names[0])
			}
		}
	}
}

func TestShortFormsAreSpelled(t *testing.T) {
	for _, test := range []struct {
		short, long string
		want        bool
	}{
		{"hirdat", "hire_date", true},
		{"hr_dt", "hire_date", true},
		{"cust_id", "customer_id", true},
		{"addrss_d", "address_id", true},
		{"pc", "postal_code", true}, // initials prove little, but something
		{"dat", "hire_date", true},  // the first word can be the name of the table,
		{"xdat", "hire_date", false},
		{"datehire", "hire_date", false},
	} {
		a, b := parseName(test.short), parseName(test.long)
		if got := spelled(&a, &b) > 0; got != test.want {
			t.Errorf("%s for %s: %v", test.short, test.long, got)
		}
	}
}

func TestCompoundsAreSplit(t *testing.T) {
	for word, want := range map[string][]string{
		"abteilungsleiter": {"abteilungs", "leiter"},
		"kundennummer":     {"kunden", "nummer"},
		"员工编号":             {"员工", "编号"},
		"xyzzy":            {"xyzzy"},
		"id":               {"id"},
	} {
		if got := split(word); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", word, got, want)
		}
	}
}

// TestValuesDecideBetweenEqualNames has headers that mean nothing.
func TestValuesDecideBetweenVagueNames(t *testing.T) {
	a := []Column{
		{Names: []string{"col1"}, Values: []string{"https://a.example/1", "https://a.example/2", "https://b.example/3"}},
		{Names: []string{"col2"}, Values: []string{"12.50", "9.99", "100.00"}},
		{Names: []string{"col3"}, Values: []string{"Red chair", "Blue table", "Green lamp with shade"}},
	}
	b := []Column{
		{Names: []string{"title"}, Values: []string{"Wooden bench", "Oak desk", "Small red lamp"}},
		{Names: []string{"price"}, Values: []string{"15.00", "7.95", "250.00"}},
		{Names: []string{"link"}, Values: []string{"https://shop.example/x", "https://shop.example/y", "https://shop.example/z"}},
	}
	want := map[int]int{0: 2, 1: 1, 2: 0}
	for _, p := range Match(a, b)[:3] {
		if want[p.A] != p.B {
			t.Errorf("%s matches %s", a[p.A].Names, b[p.B].Names)
		}
		if p.Sure {
			t.Errorf("%s is taken for %s by its values alone", a[p.A].Names, b[p.B].Names)
		}
	}
}

func TestUnfitValuesAreNeverSure(t *testing.T) {
	number := func(v string) bool { return strings.Trim(v, "0123456789") == "" }
	for _, values := range [][]string{{"Anna", "Bert", "Carl"}, {"12", "13", "14"}} {
		p := Match([]Column{{Names: []string{"Salary paid"}, Values: values}}, []Column{{Names: []string{"salary"}, Expects: number}})[0]
		if p.Sure != number(values[0]) {
			t.Errorf("the values %v: sure is %v, with the score %.2f", values, p.Sure, p.Score)
		}
	}
}

func TestAssignmentHasGreatestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		rows, cols := 1+r.IntN(5), 1+r.IntN(5)
		scores := make([][]float64, rows)
		for i := range scores {
			scores[i] = make([]float64, cols)
			for j := range scores[i] {
				scores[i][j] = float64(r.IntN(10)) / 10
			}
		}
		partner := Assign(scores)
		sum, used := 0.0, map[int]bool{}
		for i, j := range partner {
			if j < 0 {
				continue
			}
			if used[j] {
				t.Fatalf("the column %d has two partners in %v", j, partner)
			}
			used[j] = true
			sum += scores[i][j]
		}
		if len(used) != min(rows, cols) {
			t.Fatalf("%d of %d are assigned", len(used), min(rows, cols))
		}
		if best := bruteForce(scores, 0, map[int]bool{}); math.Abs(best-sum) > 1e-9 {
			t.Fatalf("the sum is %.2f, and the greatest is %.2f", sum, best)
		}
	}
}

func bruteForce(scores [][]float64, row int, used map[int]bool) float64 {
	if row == len(scores) {
		return 0
	}
	best := math.Inf(-1)
	if len(scores)-row > len(scores[0])-len(used) {
		best = bruteForce(scores, row+1, used) // more rows than columns: one stays alone
	}
	for j, s := range scores[row] {
		if !used[j] {
			used[j] = true
			best = max(best, s+bruteForce(scores, row+1, used))
			delete(used, j)
		}
	}
	return best
}

func TestEmptyTablesMatchNothing(t *testing.T) {
	if got := Match(nil, columns("a")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := Match(columns("a"), nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := Match(columns("", "—"), columns("a")); len(got) != 2 || got[0].Sure {
		t.Errorf("got %v", got)
	}
}

// FuzzMatch looks for headers and values whose comparison panics, takes long, or has a score outside 0 to 1.
func FuzzMatch(f *testing.F) {
	f.Add("Hire date\tName", "hirdat\tnm", "2020-01-01\tAnna")
	f.Add(strings.Repeat("a_", 40), strings.Repeat("a", 80), "1")
	f.Add("员工编号", "ßøł\u0301", "\xff")
	f.Fuzz(func(t *testing.T, a, b, values string) {
		left, right := columns(strings.Split(a, "\t")...), columns(strings.Split(b, "\t")...)
		if len(left)*len(right) > 400 {
			return
		}
		for i := range left {
			left[i].Values = strings.Split(values, "\t")
		}
		for _, p := range Match(left, right) {
			if math.IsNaN(p.Score) || p.Score < 0 || p.Score > 1 {
				t.Fatalf("the score of %s is %v", fmt.Sprint(left[p.A].Names, right[p.B].Names), p)
			}
		}
	})
}
