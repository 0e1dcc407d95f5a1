package infer_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/infer"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/csv"
)

// inputs opens text files, each with a name and lines.
func inputs(t testing.TB, files ...string) (list []infer.Input) {
	t.Helper()
	for _, file := range files {
		name, lines, _ := strings.Cut(file, "\n")
		book, err := csv.Opener{}.Open(t.Context(), strings.NewReader(lines), int64(len(lines)), source.DefaultLimits())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { book.Close() })
		list = append(list, infer.Input{Name: name, File: name + ".csv", Book: book, Sheet: book.Sheets()[0].Name, Lines: true})
	}
	return list
}

func guess(t testing.TB, o infer.Options, files ...string) (*infer.Guess, string) {
	t.Helper()
	g, err := infer.Infer(context.Background(), "test", inputs(t, files...), o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := g.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Load("test.yaml", out.Bytes()); err != nil {
		t.Fatalf("the schema can't be loaded: %v\n%s", err, &out)
	}
	return g, out.String()
}

// columnOf returns a column as one line: its type and rules, and what it refers to.
func columnOf(g *infer.Guess, sheet, column string) string {
	for _, s := range g.Sheets {
		for _, c := range s.Columns {
			if s.Name != sheet || c.Name != column {
				continue
			}
			line := string(c.Type)
			if c.Required {
				line += " required"
			}
			if c.Unique {
				line += " unique"
			}
			if slices.Equal(s.Key, []string{c.Name}) {
				line += " key"
			}
			if r := c.Reference; r != nil {
				line += " " + r.Sheet + "." + r.To[0]
				if r.LeftOut != "" {
					line += " left out"
				}
			}
			if len(c.Allowed) > 0 {
				line += " " + strings.Join(c.Allowed, "|")
			}
			return line
		}
	}
	return "no such column"
}

func rows(n int, row func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("\n" + row(i))
	}
	return b.String()
}

// company is a small database with references by number, by name, and to the own sheet.
func company() []string {
	depots := []string{"Aachen Nord", "Bremen", "Chemnitz Hafen", "Dresden"}
	return []string{
		"Depots\nDepot,Opened,Zip" + rows(4, func(i int) string { return fmt.Sprintf("%s,20%02d-01-0%d,0%d123", depots[i], i+10, i+1, i) }),
		"Staff\nStaff No.,First Name,Last Name,E-mail,Depot,Manager,Salary,Shift,Active" + rows(60, func(i int) string {
			manager := ""
			if i > 0 {
				manager = fmt.Sprint(100 + i/8)
			}
			return fmt.Sprintf("%d,Ann%d,Berg%d,a%d@example.com,%s,%s,%d.50,%s,%v", 100+i, i%7, i%11, i, depots[i%4], manager, 1000+i*7, []string{"day", "night"}[i%2], i%3 == 0)
		}),
		"Shifts\nStaff No.,Date,Hours" + rows(200, func(i int) string { return fmt.Sprintf("%d,2024-03-%02d,%d", 100+i%60, 1+i/60, 4+i%5) }),
	}
}

func TestColumnsKeysAndReferences(t *testing.T) {
	g, text := guess(t, infer.Options{}, company()...)
	for _, want := range [][3]string{
		{"depots", "depot", "text required key"},
		{"depots", "opened", "date required"},
		{"depots", "zip", "text required"},
		{"staff", "staff_no", "integer required key"},
		{"staff", "e_mail", "email required unique"},
		{"staff", "depot", "text required depots.depot"},
		{"staff", "manager", "integer staff.staff_no"},
		{"staff", "salary", "decimal required"},
		{"staff", "shift", "enum required day|night"},
		{"staff", "active", "boolean required"},
		{"shifts", "staff_no", "integer required staff.staff_no"},
		{"shifts", "date", "date required"},
		{"shifts", "hours", "integer required"},
	} {
		if got := columnOf(g, want[0], want[1]); got != want[2] {
			t.Errorf("%s.%s: got %q, want %q", want[0], want[1], got, want[2])
		}
	}
	if key := g.Sheets[2].Key; !slices.Equal(key, []string{"staff_no", "date"}) {
		t.Errorf("the key of the shifts is %v", key)
	}
	if len(g.Spoilt) > 0 {
		t.Errorf("clean files have contradicting cells: %v", g.Spoilt)
	}
	for _, evidence := range []string{"# Staff No. is unique in 60 of 60 rows", "# 60 of 60 values are in Depots.Depot", "# 59 of 60 rows have a value",
		"# Staff No. and Date together are unique in 200 of 200 rows", "# 2 different values in 60 rows"} {
		if !strings.Contains(text, evidence) {
			t.Errorf("the evidence %q is missing:\n%s", evidence, text)
		}
	}
}

func TestInvalidCellsDoNotChangeGuesses(t *testing.T) {
	files := company()
	for old, spoilt := range map[string]string{
		"a3@example.com,Dresden,": "a3@example.com,DRESDEN,",
		"a5@example.com,Bremen,":  "a5@example.com,Bremne,",
		",1014.50,":               ",10l4.50,",
		"\n116,":                  "\n115,",
	} {
		if !strings.Contains(files[1], old) {
			t.Fatalf("%q is missing", old)
		}
		files[1] = strings.Replace(files[1], old, spoilt, 1)
	}
	files[1] += rows(240, func(i int) string {
		return fmt.Sprintf("%d,Ann%d,Berg%d,b%d@example.com,Bremen,100,%d.50,day,true", 200+i, i%7, i%11, i, 1000+i)
	})
	g, text := guess(t, infer.Options{}, files...)
	for _, want := range [][3]string{
		{"staff", "staff_no", "integer required key"},
		{"staff", "depot", "text required depots.depot"},
		{"staff", "salary", "decimal required"},
	} {
		if got := columnOf(g, want[0], want[1]); got != want[2] {
			t.Errorf("%s.%s: got %q, want %q\n%s", want[0], want[1], got, want[2], text)
		}
	}
	var found []string
	for _, s := range g.Spoilt {
		found = append(found, fmt.Sprintf("%s %s %s", s.Cell, s.Value, s.Kind))
	}
	want := []string{"line 4, column 7 10l4.50 type", "line 5, column 5 DRESDEN case", "line 7, column 5 Bremne dangling", "line 18, column 1 115 repeated"}
	if fmt.Sprint(found[:min(4, len(found))]) != fmt.Sprint(want) {
		t.Errorf("spoilt cells:\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(text, "# 2 cells are spoilt: DRESDEN (line 5, column 5), Bremne (line 7, column 5)") {
		t.Errorf("the comment does not name the spoilt cells:\n%s", text)
	}
}

// TestLittleMemoryLeadsToSameGuess checks that samples and several readings lead to the result of one reading.
func TestLittleMemoryLeadsToSameGuess(t *testing.T) {
	files := []string{
		"Parts\nPart Code,Title,Weight" + rows(6_000, func(i int) string { return fmt.Sprintf("P-%d,part %d,%d", i*7, i/2, i%90) }),
		"Stock\nStore,Part,Amount" + rows(12_000, func(i int) string { return fmt.Sprintf("%d,P-%d,%d", i/6_000, (i%6_000)*7, i%13) }),
	}
	files[1] += "\n3,P-8,1"
	_, plenty := guess(t, infer.Options{}, files...)
	g, little := guess(t, infer.Options{Memory: 1 << 19}, files...)
	if got := columnOf(g, "stock", "part"); got != "text required parts.part_code" {
		t.Errorf("stock.part is %q", got)
	}
	if g.SpoiltCells != 1 || g.Spoilt[0].Value != "P-8" {
		t.Errorf("spoilt cells: %d, %v", g.SpoiltCells, g.Spoilt)
	}
	withoutComments := func(s string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool { return strings.Contains(l, "# ") }), "\n")
	}
	if withoutComments(plenty) != withoutComments(little) {
		t.Errorf("with plenty of memory:\n%s\nwith little:\n%s", plenty, little)
	}
}

func TestReferencesInCyclesAreLeftOut(t *testing.T) {
	g, text := guess(t, infer.Options{},
		"Depots\nDepot ID,Name,Head"+rows(20, func(i int) string { return fmt.Sprintf("%d,Depot %d,%d", i+1, i, 501+i*3) }),
		"Staff\nStaff ID,First Name,Last Name,Depot ID"+rows(100, func(i int) string { return fmt.Sprintf("%d,A%d,B%d,%d", 501+i, i, i, i%20+1) }))
	if got := columnOf(g, "staff", "depot_id"); got != "integer required depots.depot_id" {
		t.Errorf("staff.depot_id is %q", got)
	}
	if got := columnOf(g, "depots", "head"); got != "integer required staff.staff_id left out" {
		t.Errorf("depots.head is %q", got)
	}
	if !strings.Contains(text, "# references: staff.staff_id is left out: the sheets would refer to each other in a cycle") &&
		!strings.Contains(text, `# references: "staff.staff_id" is left out: the sheets would refer to each other in a cycle`) {
		t.Errorf("no comment has the reference:\n%s", text)
	}
}

// TestOddNamesAndTextsCanBeLoaded checks that texts of the data never break the schema.
func TestOddNamesAndTextsCanBeLoaded(t *testing.T) {
	for _, file := range []string{
		"Preise (€): 2024?\n№,Größe,oid,1. Preis,\"a: b # c\",no,Größe 2" + rows(30, func(i int) string { return fmt.Sprintf("%d,g%d,%d,%d,x%d,null,2", i, i, i, i*2, i) }),
		"🚗\nПлата,Имя" + rows(50, func(i int) string { return fmt.Sprintf("%d,%s", i, []string{"да", "нет"}[i%2]) }),
		"sqlite_x\nheadway_a,Wert" + rows(60, func(i int) string { return fmt.Sprintf("%d,%s", i, []string{"'a'", "~", "- b", "{c}"}[i%4]) }),
		"one\nvalue" + rows(3, func(int) string { return "same" }),
	} {
		t.Run(file[:3], func(t *testing.T) { guess(t, infer.Options{}, file) })
	}
}

func TestFilesWithoutTablesAreRefused(t *testing.T) {
	_, err := infer.Infer(t.Context(), "test", inputs(t, "Empty\na,b,c\n"), infer.Options{})
	if err == nil || !strings.Contains(err.Error(), "first row") {
		t.Errorf("got %v", err)
	}
}

func TestHeadersOfOtherLanguagesAreUnderstood(t *testing.T) {
	number := func(from, n int) func(i int) string { return func(i int) string { return fmt.Sprint(from + i%n) } }
	for _, c := range []struct{ language, parents, key, label, children, own, refers string }{
		{"German", "Kunden", "Kundennummer", "Bezeichnung", "Aufträge", "Auftragsnr.", "Kunden-Nr."},
		{"German, in the plural", "Abteilungen", "Kürzel", "Bezeichnung", "Projekte", "Projektnummer", "Abteilung"},
		{"Spanish", "Clientes", "Código de cliente", "Nombre", "Pedidos", "Número de pedido", "Cliente"},
		{"French", "Bureaux", "Référence", "Libellé", "Commandes", "N° de commande", "Bureau"},
		{"Italian", "Prodotti", "Codice prodotto", "Nome", "Vendite", "Numero vendita", "Prodotto"},
	} {
		t.Run(c.language, func(t *testing.T) {
			parents := c.parents + "\n" + c.label + ";" + c.key + ";Ort" + rows(60, func(i int) string { return fmt.Sprintf("Firma %d;%s;Stadt %d", i*7, number(1, 60)(i), i%9) })
			children := c.children + "\n" + c.refers + ";" + c.own + ";Menge" + rows(300, func(i int) string { return fmt.Sprintf("%s;%s;%d", number(1, 60)(i*13), number(1, 300)(i), i%17) })
			g, yaml := guess(t, infer.Options{}, parents, children)
			if key := g.Sheets[0].KeyHeaders; !slices.Equal(key, []string{c.key}) {
				t.Errorf("the key of %s is %q", c.parents, key)
			}
			if key := g.Sheets[1].KeyHeaders; !slices.Equal(key, []string{c.own}) {
				t.Errorf("the key of %s is %q", c.children, key)
			}
			refs := g.Sheets[1].References
			if len(refs) != 1 || refs[0].Sheet != g.Sheets[0].Name || !slices.Equal(refs[0].To, g.Sheets[0].Key) {
				t.Errorf("the references are %+v\n%s", refs, yaml)
			}
		})
	}
}

func TestOrderOfColumnsDoesNotMatter(t *testing.T) {
	stores := []string{"stores\nstore_id,address_id,city\n1,1,Rome\n2,2,Oslo\n", "stores\ncity,address_id,store_id\nRome,1,1\nOslo,2,2\n"}
	for _, s := range stores {
		g, _ := guess(t, infer.Options{}, s, "customers\ncustomer_id,store_id"+rows(40, func(i int) string { return fmt.Sprintf("%d,%d", i+1, i%2+1) }))
		if refs := g.Sheets[1].References; len(refs) != 1 || !slices.Equal(refs[0].To, []string{"store_id"}) {
			t.Errorf("the references are %+v", refs)
		}
	}
}

func TestPartsOfCompoundsNameOtherSheets(t *testing.T) {
	number := func(i int) string { return fmt.Sprintf("%d,x%d", i+1, i) }
	g, _ := guess(t, infer.Options{},
		"Superhero\nID,Name"+rows(40, number),
		"Superpower\nID,Power"+rows(50, number),
		"Hero power\nHero ID,Power ID"+rows(200, func(i int) string { return fmt.Sprintf("%d,%d", 1+i%40, 1+i/5) }))
	for column, want := range map[string]string{"hero_id": "integer required superhero.id", "power_id": "integer required superpower.id"} {
		if got := columnOf(g, "hero_power", column); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
}

func TestKeysWithTheSameNameDoNotRefer(t *testing.T) {
	status := func(i int) string { return fmt.Sprintf("%d,s%d", i+1, i) }
	g, _ := guess(t, infer.Options{}, "Address status\nstatus_id,status"+rows(2, status), "Order status\nstatus_id,status_value"+rows(6, status))
	if got, want := columnOf(g, "address_status", "status_id"), "integer required key"; got != want {
		t.Errorf("status_id is %q, want %q", got, want)
	}
}
