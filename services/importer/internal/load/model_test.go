package load_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"headway/services/importer/internal/imports"
)

// model decides on the rows of a staff workbook in the simplest possible way: row by row, with repeated searches
// through all rows. On an empty database, the loader must have the same results.
type model struct {
	teams, people [][]any
	issues        map[string]bool // "cell CODE"
	team          map[string]string
	first         map[string]int // the first row by ID
	own           map[int]bool
	states        map[int]string
}

func (m *model) expect(cell string, code imports.IssueCode) { m.issues[cell+" "+code.String()] = true }

func cellText(row []any, column int) string {
	if column >= len(row) || row[column] == nil {
		return ""
	}
	return fmt.Sprint(row[column])
}

func (m *model) decide() (counts [2]imports.Counts) {
	m.issues, m.team, m.first, m.own, m.states = map[string]bool{}, map[string]string{}, map[string]int{}, map[int]bool{}, map[int]string{}
	for i, row := range m.teams {
		code, state := cellText(row, 0), "accepted"
		if code == "" {
			m.expect(fmt.Sprint("Teams!A", i+2), imports.Required)
			state = "rejected"
		}
		if cellText(row, 1) == "many" {
			m.expect(fmt.Sprint("Teams!B", i+2), imports.NotANumber)
			state = "rejected"
		}
		if _, twice := m.team[code]; twice {
			m.expect(fmt.Sprint("Teams!A", i+2), imports.DuplicateInFile)
			state = "rejected"
		} else if code != "" {
			m.team[code] = state
		}
		count(&counts[0], state)
	}
	mails := map[string]bool{}
	for i, row := range m.people {
		id, mail := cellText(row, 0), cellText(row, 3)
		if id == "" {
			m.expect(fmt.Sprint("People!A", i+2), imports.Required)
			m.own[i] = true
		} else if _, twice := m.first[id]; twice {
			m.expect(fmt.Sprint("People!A", i+2), imports.DuplicateInFile)
			m.own[i] = true
		} else {
			m.first[id] = i
		}
		if mails[mail] {
			m.expect(fmt.Sprint("People!D", i+2), imports.DuplicateInFile)
			m.own[i] = true
		}
		mails[mail] = mail != ""
		if cellText(row, 4) == "soon" {
			m.expect(fmt.Sprint("People!E", i+2), imports.NotADate)
			m.own[i] = true
		}
	}
	for i := range m.people {
		count(&counts[1], m.state(i))
	}
	for key := range m.issues {
		sheet := 0
		if key[0] == 'P' {
			sheet = 1
		}
		counts[sheet].Issues++
	}
	return counts
}

func count(c *imports.Counts, state string) {
	c.Read++
	switch state {
	case "accepted":
		c.Inserted++
	case "rejected":
		c.Rejected++
	case "blocked":
		c.Blocked++
	}
}

// boss returns the row of the boss of row i. It returns -1 if there is none.
func (m *model) boss(i int) int {
	if row, ok := m.first[cellText(m.people[i], 2)]; ok {
		return row
	}
	return -1
}

// circular reports whether the chain of bosses of row i leads back to it, and no row of the chain has another error.
func (m *model) circular(i int) bool {
	at := i
	for range m.people {
		if m.own[at] && at != i {
			return false
		}
		if at = m.boss(at); at < 0 {
			return false
		}
		if at == i {
			return true
		}
		if m.own[i] {
			return false // a row with errors is in a cycle only with itself
		}
	}
	return false
}

func (m *model) state(i int) string {
	if known := m.states[i]; known != "" {
		return known
	}
	row, state := m.people[i], "accepted"
	worse := func(to string) {
		if state == "accepted" || to == "rejected" {
			state = to
		}
	}
	if m.own[i] {
		state = "rejected"
	}
	if team := cellText(row, 1); team != "" {
		switch cell := fmt.Sprint("People!B", i+2); m.team[team] {
		case "":
			m.expect(cell, imports.ReferenceMissing)
			worse("rejected")
		case "rejected":
			m.expect(cell, imports.ReferenceBlocked)
			worse("blocked")
		}
	}
	if cellText(row, 2) != "" {
		cell := fmt.Sprint("People!C", i+2)
		switch boss := m.boss(i); {
		case m.circular(i):
			m.expect(cell, imports.ReferenceCycle)
			worse("rejected")
		case boss < 0:
			m.expect(cell, imports.ReferenceMissing)
			worse("rejected")
		default:
			if m.own[i] {
				m.states[i] = "rejected" // so that a cycle through this row ends here
			}
			if m.state(boss) != "accepted" {
				m.expect(cell, imports.ReferenceBlocked)
				worse("blocked")
			}
		}
	}
	m.states[i] = state
	return state
}

func TestLoaderAgreesWithModel(t *testing.T) {
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 1))
		pick := func(of ...any) any { return of[random.IntN(len(of))] }
		m := &model{}
		for i := range random.IntN(6) {
			m.teams = append(m.teams, []any{pick("A", "B", "C", fmt.Sprint("T", i)), pick(1, 2, 3, nil, "many")})
		}
		size := random.IntN(30)
		for i := range size {
			id := any(fmt.Sprint("p", i))
			if random.IntN(12) == 0 {
				id = pick(nil, "p0", "p1")
			}
			boss := any(nil)
			if random.IntN(4) != 0 {
				boss = fmt.Sprint("p", random.IntN(size+1))
			}
			row := []any{id, pick("A", "B", "T0", nil, nil, nil), boss,
				pick(nil, nil, "shared", fmt.Sprint("m", i)), pick(nil, nil, nil, nil, "2000-01-01", "soon")}
			if row[0] == nil {
				row[3] = fmt.Sprint("m", i) // otherwise, the row might be empty, and not count as a row
			}
			m.people = append(m.people, row)
		}
		want := m.decide()
		b := setupFor(t, staffSchema)
		b.loader.KeyBytes = int64(seed % 2) // 1 keeps the keys in files
		task, summary := b.run(workbook(t, m.teams, m.people), upsert)
		for i, sheet := range []string{"teams", "people"} {
			if got := summary.Sheets[sheet]; got != want[i] {
				t.Errorf("seed %d: %s came to %+v, want %+v", seed, sheet, got, want[i])
			}
		}
		var wanted []string
		for is := range m.issues {
			wanted = append(wanted, is)
		}
		got := b.issues(task.Import.ID)
		slices.Sort(wanted)
		slices.Sort(got)
		if len(got)+len(wanted) > 0 && !reflect.DeepEqual(got, wanted) {
			t.Errorf("seed %d: issues are %v, want %v", seed, got, wanted)
		}
		if t.Failed() {
			for i, row := range m.people {
				t.Logf("row %d: %v: %s", i+2, row, m.states[i])
			}
			t.Logf("teams %v", m.teams)
			return
		}
	}
}
