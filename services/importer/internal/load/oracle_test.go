package load_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
)

// oracle decides which rows of a garage's file are imported, by trying again and again: it assumes that all rows are valid,
// and removes those that contradict the others or the database until none does. It doesn't depend on batches or on the
// order of rows.
type oracle struct {
	mode imports.Mode
	// before has the tables, by key: a car's plate, slot, and towed car, and a trip's plate and distance. An empty text
	// is null.
	before [2]map[string][]string
	// file has the rows of the file: the key, and then the same columns.
	file [2][][]string
	// pinned are plates that rows outside the file use.
	pinned map[string]bool
	// spoiled are the cars with errors other than KEY_EXISTS and KEY_UNKNOWN.
	spoiled map[int]bool
	// accepted are the rows that are imported.
	accepted [2]map[int]bool
	// unclear means that the result of a row depends on the order of the file: a row with an error is also part of a
	// cycle.
	unclear bool
}

const (
	cars = iota
	trips
)

// decide returns the tables after the import.
func (o *oracle) decide() (after [2]map[string][]string) {
	for {
		after[cars] = o.table(cars, o.cars())
		after[trips] = o.table(trips, o.trips(after[cars]))
		plates := map[string]bool{}
		for _, car := range after[cars] {
			plates[car[0]] = true
		}
		again := false
		for _, trip := range after[trips] {
			if plate := trip[0]; plate != "" && !plates[plate] && !o.pinned[plate] {
				o.pinned[plate], again = true, true
			}
		}
		if !again {
			return after
		}
	}
}

// table returns a table after its accepted rows are written.
func (o *oracle) table(sheet int, accepted map[int]bool) map[string][]string {
	o.accepted[sheet] = accepted
	after := map[string][]string{}
	for key, row := range o.before[sheet] {
		after[key] = row
	}
	for i, row := range o.file[sheet] {
		if accepted[i] {
			after[row[0]] = row[1:]
		}
	}
	return after
}

// wrong returns the rows of a sheet whose errors are not caused by other rows, and the first row of each key.
func (o *oracle) wrong(sheet int, unique ...int) (wrong map[int]bool, first map[string]int) {
	wrong, first = map[int]bool{}, map[string]int{}
	taken := map[string]bool{}
	for i, row := range o.file[sheet] {
		if _, twice := first[row[0]]; twice {
			wrong[i] = true
		} else {
			first[row[0]] = i
		}
		for _, column := range unique {
			value := fmt.Sprint(column, row[column])
			wrong[i] = wrong[i] || row[column] != "" && taken[value] && row[column] != "x"
			taken[value] = true
		}
		if slices.Contains(row[1:], "x") || sheet == cars && row[1] == "" {
			wrong[i] = true
		}
		if wrong[i] && sheet == cars {
			o.spoiled[i] = true
		}
		_, exists := o.before[sheet][row[0]]
		if exists && o.mode == imports.InsertOnly || !exists && o.mode == imports.UpdateOnly {
			wrong[i] = true
		}
		if was := o.before[sheet][row[0]]; sheet == cars && exists && was[0] != row[1] && o.pinned[was[0]] {
			wrong[i] = true
		}
	}
	return wrong, first
}

func (o *oracle) cars() map[int]bool {
	o.spoiled = map[int]bool{}
	wrong, first := o.wrong(cars, 1, 2)
	valid := map[int]bool{}
	for i := range o.file[cars] {
		valid[i] = !wrong[i] && !o.circular(i, wrong, first)
	}
	for changed := true; changed; {
		changed = false
		for i, row := range o.file[cars] {
			if valid[i] && (!o.tows(row, valid, first) || !o.takes(row, 1, valid, first) || !o.takes(row, 2, valid, first)) {
				valid[i], changed = false, true
			}
		}
	}
	return valid
}

// tows reports whether the car that a row refers to is imported, or in the database only.
func (o *oracle) tows(row []string, valid map[int]bool, first map[string]int) bool {
	if row[3] == "" {
		return true
	}
	_, exists := o.before[cars][row[3]]
	at, inFile := first[row[3]]
	if !inFile || o.present(at) {
		return exists
	}
	return valid[at]
}

// present reports whether a car is rejected only because it already exists, so that others can refer to it.
func (o *oracle) present(i int) bool {
	row := o.file[cars][i]
	if _, exists := o.before[cars][row[0]]; !exists || o.mode != imports.InsertOnly {
		return false
	}
	o.unclear = o.unclear || row[3] != "" || !o.takes(row, 1, nil, nil) || !o.takes(row, 2, nil, nil)
	return !o.spoiled[i]
}

// takes reports whether a unique value is free, or its owner is imported with another value.
func (o *oracle) takes(row []string, column int, valid map[int]bool, first map[string]int) bool {
	for key, owner := range o.before[cars] {
		if row[column] == "" || owner[column-1] != row[column] || key == row[0] {
			continue
		}
		at, inFile := first[key]
		return inFile && valid[at] && o.file[cars][at][column] != row[column]
	}
	return true
}

// circular reports whether the cars that a row tows lead back to it.
func (o *oracle) circular(i int, wrong map[int]bool, first map[string]int) bool {
	at, through := o.file[cars][i][0], false
	for range len(o.file[cars]) + len(o.before[cars]) + 1 {
		var next string
		if row, inFile := first[at]; inFile {
			if wrong[row] {
				return false
			}
			next = o.file[cars][row][3]
		} else if was := o.before[cars][at]; was != nil {
			next, through = was[2], true
		}
		if next == "" {
			return false
		}
		if at = next; at == o.file[cars][i][0] {
			o.unclear = o.unclear || through
			return true
		}
	}
	return false
}

func (o *oracle) trips(after map[string][]string) map[int]bool {
	wrong, _ := o.wrong(trips)
	plates, stopped := map[string]bool{}, map[string]bool{}
	for _, car := range after {
		plates[car[0]] = true
	}
	claimed := map[string]bool{}
	for i, row := range o.file[cars] {
		if row[1] != "" && !claimed[row[1]] {
			claimed[row[1]], stopped[row[1]] = true, !o.accepted[cars][i] && !o.present(i)
		}
	}
	valid := map[int]bool{}
	for i, row := range o.file[trips] {
		valid[i] = !wrong[i] && (row[1] == "" || plates[row[1]] && !stopped[row[1]])
	}
	return valid
}

// newOracle returns random tables and a random file that changes some of their rows, exchanges values, and has errors.
func newOracle(r *rand.Rand) *oracle {
	o := &oracle{mode: imports.Upsert, pinned: map[string]bool{}, before: [2]map[string][]string{{}, {}}}
	if r.IntN(6) == 0 {
		o.mode = []imports.Mode{imports.InsertOnly, imports.UpdateOnly}[r.IntN(2)]
	}
	size := 2 + r.IntN(8)
	plate := func() string { return fmt.Sprint("P", r.IntN(size+3)) }
	for i := range size {
		if r.IntN(5) == 0 {
			continue
		}
		car := []string{fmt.Sprint("P", i), fmt.Sprint(i), ""}
		if r.IntN(3) == 0 {
			car[1] = ""
		}
		if i > 0 && r.IntN(2) == 0 {
			if towed := fmt.Sprint("c", r.IntN(i)); o.before[cars][towed] != nil {
				car[2] = towed
			}
		}
		o.before[cars][fmt.Sprint("c", i)] = car
		if r.IntN(3) == 0 {
			o.before[trips][fmt.Sprint("t", i)] = []string{car[0], "1"}
		}
	}
	for _, i := range r.Perm(size + 2)[:r.IntN(size+3)] {
		row := []string{fmt.Sprint("c", i), plate(), fmt.Sprint(r.IntN(size + 3)), ""}
		if was := o.before[cars][row[0]]; was != nil && r.IntN(3) == 0 {
			row = append(row[:1], was...)
		}
		if r.IntN(3) == 0 {
			row[2] = ""
		}
		if r.IntN(3) == 0 {
			row[3] = fmt.Sprint("c", r.IntN(size+2))
		}
		switch r.IntN(30) {
		case 0:
			row[2] = "x"
		case 1:
			row[1] = ""
		case 2:
			row[0] = "c0"
		}
		o.file[cars] = append(o.file[cars], row)
	}
	for range r.IntN(size) {
		row := []string{fmt.Sprint("t", r.IntN(size+2)), plate(), fmt.Sprint(r.IntN(3))}
		switch r.IntN(10) {
		case 0:
			row[2] = "x"
		case 1:
			row[1] = ""
		}
		o.file[trips] = append(o.file[trips], row)
	}
	return o
}

// rounds is the number of random garages. HEADWAY_ORACLE_ROUNDS sets another number.
func rounds(t *testing.T) uint64 {
	n, err := strconv.ParseUint(os.Getenv("HEADWAY_ORACLE_ROUNDS"), 10, 64)
	if err != nil {
		n = 150
	}
	if testing.Verbose() {
		t.Logf("%d rounds", n)
	}
	return n
}

func TestOracleAgreesOnReferencesAndExchanges(t *testing.T) {
	oraclesAgree(t, rounds(t), func() *bench { return setupFor(t, exchangeSchema) })
}

// oraclesAgree compares random garages with an oracle.
func oraclesAgree(t *testing.T, rounds uint64, setup func() *bench) {
	t.Helper()
	unclear := 0
	for seed := range rounds {
		o := newOracle(rand.New(rand.NewPCG(seed, 7)))
		want := o.decide()
		if o.unclear {
			unclear++
			continue
		}
		compareGarage(t, setup(), o, want)
		if t.Failed() {
			t.Fatalf("seed %d, mode %d\nbefore %v\ncars %v\ntrips %v\npinned %v\naccepted %v", seed, o.mode, o.before, o.file[cars], o.file[trips], o.pinned, o.accepted)
		}
	}
	if uint64(unclear) > rounds/4 {
		t.Errorf("%d rounds are unclear", unclear)
	}
}

// compareGarage imports the file of an oracle, first as a dry run, and compares what is imported.
func compareGarage(t *testing.T, b *bench, o *oracle, want [2]map[string][]string) {
	t.Helper()
	b.loader.KeyBytes = int64(len(o.file[cars]) % 2) // 1 keeps the keys in files
	b.run(garage(t, tableCells(o.before[cars]), tableCells(o.before[trips])), upsert)
	if got := b.garageTables(); got != describeTables(o.before) {
		t.Fatalf("the tables begin as\n%s\nwant\n%s", got, describeTables(o.before))
	}
	file := garage(t, fileCells(o.file[cars]), fileCells(o.file[trips]))
	policy := imports.Policy{OnIssues: imports.SkipRows, Mode: o.mode}
	dry := b.task(file, policy)
	dry.Decide = func(load.Summary) load.Decision { return load.RollBack }
	before, err := b.loader.Run(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	task, summary := b.run(file, policy)
	if before.Totals != summary.Totals || !slices.Equal(b.issues(dry.Import.ID), b.issues(task.Import.ID)) {
		t.Errorf("the dry run came to %+v, the run to %+v", before.Totals, summary.Totals)
	}
	for sheet, name := range []string{"cars", "trips"} {
		var counts imports.Counts
		for i, row := range o.file[sheet] {
			counts.Read++
			was, exists := o.before[sheet][row[0]]
			switch {
			case !o.accepted[sheet][i]:
				counts.Rejected++
			case !exists:
				counts.Inserted++
			case slices.Equal(was, row[1:]):
				counts.Unchanged++
			default:
				counts.Updated++
			}
		}
		got := summary.Sheets[name]
		got.Rejected += got.Blocked
		got.Blocked, got.Issues, got.Warnings = 0, 0, 0
		if got != counts {
			t.Errorf("%s came to %+v, want %+v", name, got, counts)
		}
	}
	if got := b.garageTables(); got != describeTables(want) {
		t.Errorf("the tables are\n%s\nwant\n%s", got, describeTables(want))
	}
	if t.Failed() {
		t.Logf("issues: %s", strings.Join(b.issues(task.Import.ID), ", "))
	}
}

func (b *bench) garageTables() string {
	b.t.Helper()
	return strings.Join(b.rows(`SELECT id, plate, coalesce(CAST(slot AS TEXT), ''), coalesce(tows, '') FROM cars ORDER BY id`), "\n") + "\n--\n" +
		strings.Join(b.rows(`SELECT id, coalesce(plate, ''), km FROM trips ORDER BY id`), "\n")
}

func describeTables(tables [2]map[string][]string) string {
	var parts [2]string
	for i, table := range tables {
		var lines []string
		for key, row := range table {
			lines = append(lines, key+" "+strings.Join(row, " "))
		}
		slices.Sort(lines)
		parts[i] = strings.Join(lines, "\n")
	}
	return parts[0] + "\n--\n" + parts[1]
}

func tableCells(table map[string][]string) [][]any {
	var rows [][]string
	for key, row := range table {
		rows = append(rows, append([]string{key}, row...))
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return fileCells(rows)
}

// fileCells returns rows as cells: digits as numbers, and nothing for an empty text.
func fileCells(rows [][]string) [][]any {
	cells := [][]any{}
	for _, row := range rows {
		var list []any
		for _, text := range row {
			switch n, err := strconv.Atoi(text); {
			case text == "":
				list = append(list, nil)
			case err == nil:
				list = append(list, n)
			default:
				list = append(list, text)
			}
		}
		cells = append(cells, list)
	}
	return cells
}
