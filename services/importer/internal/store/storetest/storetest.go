// Package storetest is a test suite of the contract of imports.Store, for every implementation.
package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// Open returns a function that opens an empty store. Further calls open the same store. The test closes it.
type Open func(t *testing.T) (open func() imports.Store)

// Run runs the contract suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, imports.Store){
		"an import is returned as it was stored":         keeps,
		"missing imports are not found":                  missing,
		"a request ID belongs to one upload of a user":   requests,
		"imports are listed latest first":                lists,
		"imports without a job are found":                unscheduled,
		"the same bytes are found after a commit":        sameBytes,
		"a run begins without earlier results":           begins,
		"an earlier run is fenced":                       fences,
		"issues are paged in the order of the workbook":  pages,
		"issues are filtered":                            filters,
		"the latest issues come first":                   latest,
		"a review outlives the next run":                 reviews,
		"the result of each row is stored":               rowResults,
		"a removed import is deleted":                    removes,
		"an import is withdrawn unless it has a job":     withdraws,
		"any character can be stored":                    anyCharacter,
		"the stored files of an owner are counted":       storedBytes,
		"the mapping for the same headers is remembered": remembersMappings,
		"mappings are saved under names, and shared":     savesMappings,
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)()
			defer func() { must(t, store.Close()) }()
			test(t, store)
		})
	}
	t.Run("everything survives a restart", func(t *testing.T) {
		again := open(t)
		store := again()
		im := create(t, store, "a")
		must(t, store.BeginRun(t.Context(), im.ID, 1))
		must(t, store.AddIssues(t.Context(), im.ID, 1, issues(1)))
		must(t, store.Close())
		store = again()
		defer store.Close()
		page, err := store.Issues(t.Context(), im.ID, imports.IssueFilter{})
		if err != nil || !reflect.DeepEqual(page.Issues, issues(1)) {
			t.Errorf("got %v, %v", page.Issues, err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sample(id string) imports.Import {
	return imports.Import{
		ID: id, Owner: "ann", Schema: "workforce", FileName: "stäff 'n' co.xlsx", SizeBytes: 1 << 40, SHA256: "abc" + id, Fingerprint: "f" + id, SchemaDigest: "d" + id,
		Policy: imports.Policy{OnIssues: imports.Review, Mode: imports.UpdateOnly, DryRun: true},
		Sheets: []imports.Sheet{
			{Name: "teams", WorkbookSheet: "Mannschaften", Bytes: 12, HeaderRow: 3, Columns: []imports.SheetColumn{{Name: "code", Column: 2}},
				Ignored: []imports.IgnoredColumn{{Column: 5, Header: "Notes"}}},
			{Name: "people", WorkbookSheet: "Leute", HeaderRow: 1, Distinct: true, Columns: []imports.SheetColumn{
				{Name: "first", Column: 4, Header: "Name", Part: &imports.Part{Separator: " ", Index: 1, Of: 2, FromEnd: true}},
				{Name: "home", Column: 3, Header: "Ort + Straße", Joined: &imports.Joined{Columns: []int{3, 1}, Separator: ", "}}}},
		},
		Mapping:   []imports.SheetMapping{{Sheet: "teams", WorkbookSheet: "Mannschaften", Columns: map[string]string{"code": "Kürzel", "name": ""}}},
		Unused:    []imports.UnusedSheet{{Name: "Notes"}, {Name: "Lists", Hidden: true}},
		Texts:     map[string]source.TextFormat{"staff.csv": {Encoding: "UTF-8", Delimiter: ","}},
		Text:      &source.TextFormat{Encoding: "UTF-8", Delimiter: ";", Quote: `"`, Escape: `"`, LineBreak: "CRLF", ByteOrderMark: true, Columns: 7},
		Notices:   []imports.Notice{{Reason: "SAME_FILE", Message: "Known."}},
		CreatedAt: time.Date(2025, 3, 30, 1, 30, 0, 123456789, time.UTC),
	}
}

func create(t *testing.T, store imports.Store, id string) imports.Import {
	t.Helper()
	im, replayed, err := store.Create(t.Context(), sample(id))
	if err != nil || replayed {
		t.Fatalf("replayed %v, %v", replayed, err)
	}
	return im
}

// issues returns n issues of two sheets, in their order.
func issues(n int) []imports.Issue {
	var list []imports.Issue
	for _, sheet := range []string{"teams", "people"} {
		for i := range n {
			list = append(list, imports.Issue{Sheet: sheet, Cell: fmt.Sprintf("%s!B%d", sheet, i+2), Row: i + 2, CellColumn: 2, Column: "code",
				Value: "ÄRGER", Severity: imports.Error, Code: imports.NotANumber, Message: "It is not a number. Enter one."})
			if i%2 == 1 { // the others are of an earlier version
				is := &list[len(list)-1]
				is.Says = messages.New("number", messages.Any("value", messages.Quote("ÄRGER\x00", messages.New("remark.around"))),
					messages.Part("wanted", messages.New("number.wanted", messages.Text("wanted", "whole"))))
				is.Message = is.Says.English()
			}
		}
	}
	return list
}

func keeps(t *testing.T, store imports.Store) {
	want := create(t, store, "a")
	got, err := store.Get(t.Context(), "a")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func missing(t *testing.T, store imports.Store) {
	ctx := t.Context()
	_, get := store.Get(ctx, "none")
	_, request := store.ByRequestID(ctx, "ann", "")
	_, hash := store.CommittedWithHash(ctx, "ann", "workforce", "abc")
	_, causes := store.RootCauses(ctx, "none")
	_, _, review := store.LastReview(ctx, "none")
	for name, err := range map[string]error{"Get": get, "ByRequestID": request, "CommittedWithHash": hash, "RootCauses": causes,
		"LastReview": review, "Scheduled": store.Scheduled(ctx, "none")} {
		if !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, store.Remove(ctx, "none"))
}

func requests(t *testing.T, store imports.Store) {
	first := sample("a")
	first.RequestID = "r"
	if _, _, err := store.Create(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	same := first
	same.ID = "b"
	if kept, replayed, err := store.Create(t.Context(), same); err != nil || !replayed || kept.ID != "a" {
		t.Errorf("the same upload: %s, %v, %v", kept.ID, replayed, err)
	}
	other := same
	other.Fingerprint = "another"
	if _, _, err := store.Create(t.Context(), other); !errors.Is(err, imports.ErrRequestIDReused) {
		t.Errorf("another upload: %v", err)
	}
	foreign := other
	foreign.Owner = "bob"
	if _, replayed, err := store.Create(t.Context(), foreign); err != nil || replayed {
		t.Errorf("another user: %v, %v", replayed, err)
	}
	if got, err := store.ByRequestID(t.Context(), "ann", "r"); err != nil || got.ID != "a" {
		t.Errorf("by request id: %s, %v", got.ID, err)
	}
}

func lists(t *testing.T, store imports.Store) {
	for _, id := range []string{"b", "a", "d", "c"} {
		create(t, store, id)
	}
	foreign := sample("e")
	foreign.Owner = "bob"
	if _, _, err := store.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	ids := func(owner, before string, n int) (list string) {
		t.Helper()
		page, err := store.List(t.Context(), owner, before, n)
		must(t, err)
		for _, im := range page {
			list += im.ID
		}
		return list
	}
	if got := ids("ann", "", 3); got != "dcb" {
		t.Errorf("the first page is %q", got)
	}
	if got := ids("ann", "b", 3); got != "a" {
		t.Errorf("the next page is %q", got)
	}
	if got := ids("", "", 9); got != "edcba" {
		t.Errorf("everyone's are %q", got)
	}
	existing, err := store.Exist(t.Context(), []string{"a", "x", "e"})
	if err != nil || !reflect.DeepEqual(existing, map[string]bool{"a": true, "e": true}) {
		t.Errorf("existing are %v, %v", existing, err)
	}
}

func unscheduled(t *testing.T, store imports.Store) {
	create(t, store, "a")
	create(t, store, "b")
	must(t, store.Scheduled(t.Context(), "a"))
	list, err := store.Unscheduled(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "b" {
		t.Errorf("got %v, %v", list, err)
	}
}

func sameBytes(t *testing.T, store imports.Store) {
	im := create(t, store, "a")
	if _, err := store.CommittedWithHash(t.Context(), "ann", im.Schema, im.SHA256); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("before the commit: %v", err)
	}
	must(t, store.BeginRun(t.Context(), "a", 1))
	must(t, store.EndRun(t.Context(), "a", 1, true))
	if got, err := store.CommittedWithHash(t.Context(), "ann", im.Schema, im.SHA256); err != nil || got.ID != "a" {
		t.Errorf("after the commit: %v, %v", got.ID, err)
	}
	if _, err := store.CommittedWithHash(t.Context(), "bob", im.Schema, im.SHA256); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("for another user: %v", err)
	}
}

func pages(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	must(t, store.BeginRun(ctx, "a", 1))
	want := issues(5)
	// They are stored in a different order than they are read.
	for i := len(want) - 1; i >= 0; i-- {
		must(t, store.AddIssues(ctx, "a", 1, want[i:i+1]))
	}
	var got []imports.Issue
	filter := imports.IssueFilter{Limit: 3}
	for {
		page, err := store.Issues(ctx, "a", filter)
		must(t, err)
		if page.Matching != len(want) {
			t.Errorf("%d match, want %d", page.Matching, len(want))
		}
		got = append(got, page.Issues...)
		if page.Next == nil {
			break
		}
		filter.After = *page.Next
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func filters(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	must(t, store.BeginRun(ctx, "a", 1))
	list := issues(3)
	list[0].Code, list[1].Severity, list[2].Value = imports.Required, imports.Warning, "100%_sure"
	must(t, store.AddIssues(ctx, "a", 1, list))
	for name, c := range map[string]struct {
		filter imports.IssueFilter
		want   int
	}{
		"all":                {imports.IssueFilter{}, 6},
		"a sheet":            {imports.IssueFilter{Sheet: "people"}, 3},
		"an unknown sheet":   {imports.IssueFilter{Sheet: "none"}, 0},
		"a code":             {imports.IssueFilter{Code: imports.Required}, 1},
		"a severity":         {imports.IssueFilter{Severity: imports.Warning}, 1},
		"a cell":             {imports.IssueFilter{Search: "PEOPLE!b3"}, 1},
		"letters in no case": {imports.IssueFilter{Search: "ärger"}, 5},
		"an English message": {imports.IssueFilter{Search: "A WHOLE number such"}, 2},
		"all of a message":   {imports.IssueFilter{Search: "“ärger\x00” (blanks around the text) is not"}, 2},
		"another language":   {imports.IssueFilter{Search: "KEINE Zahl. Geben Sie eine ganze"}, 2},
		"signs as they are":  {imports.IssueFilter{Search: "0%_S"}, 1},
		"all filters":        {imports.IssueFilter{Sheet: "teams", Code: imports.NotANumber, Severity: imports.Error, Search: "number"}, 1},
	} {
		page, err := store.Issues(ctx, "a", c.filter)
		if err != nil || len(page.Issues) != c.want || page.Matching != c.want {
			t.Errorf("%s: %d of %d, %v; want %d", name, len(page.Issues), page.Matching, err, c.want)
		}
	}
}

func latest(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	must(t, store.BeginRun(ctx, "a", 1))
	list := issues(3)
	must(t, store.AddIssues(ctx, "a", 1, list[:2]))
	must(t, store.AddIssues(ctx, "a", 1, list[2:]))
	got, err := store.Latest(ctx, "a", 2)
	if err != nil || !reflect.DeepEqual(got, []imports.Issue{list[5], list[4]}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func removes(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	must(t, store.BeginRun(ctx, "a", 1))
	must(t, store.AddIssues(ctx, "a", 1, issues(1)))
	must(t, store.EndSheet(ctx, "a", 1, "people", imports.SheetResult{Rows: &imports.RowResults{}}))
	must(t, store.Remove(ctx, "a"))
	if _, err := store.RowResults(ctx, "a", "people"); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("row results: %v", err)
	}
	page, err := store.Issues(ctx, "a", imports.IssueFilter{})
	if err != nil || len(page.Issues) != 0 {
		t.Errorf("issues are %v, %v", page.Issues, err)
	}
	create(t, store, "a")
}

func withdraws(t *testing.T, store imports.Store) {
	ctx := t.Context()
	want := func(id string, want bool) {
		t.Helper()
		if scheduled, err := store.Withdraw(ctx, id); err != nil || scheduled != want {
			t.Errorf("the job of import %s exists: %v, %v", id, scheduled, err)
		}
	}
	create(t, store, "a")
	create(t, store, "b")
	must(t, store.Scheduled(ctx, "a"))
	want("a", true)
	want("b", false)
	want("none", false)
	if existing, err := store.Exist(ctx, []string{"a", "b"}); err != nil || !reflect.DeepEqual(existing, map[string]bool{"a": true}) {
		t.Errorf("existing are %v, %v", existing, err)
	}
}

func anyCharacter(t *testing.T, store imports.Store) {
	ctx := t.Context()
	all := [...]string{"a\x00b", "ab", "a\x1a0b", "a\x1ab", "a\x1a\x00\U0010FFFF\uFFFE"}
	for i, text := range all {
		im := sample(fmt.Sprint(i))
		im.Owner, im.FileName, im.RequestID, im.Unused = text, text, "r", []imports.UnusedSheet{{Name: text}}
		im.Sheets = []imports.Sheet{{Name: "s", WorkbookSheet: text}}
		if _, replayed, err := store.Create(ctx, im); err != nil || replayed {
			t.Fatalf("%q: replayed %v, %v", text, replayed, err)
		}
		must(t, store.BeginRun(ctx, im.ID, 1))
		issue := imports.Issue{Sheet: "s", Cell: text + "!A1", Value: text, Message: text, Severity: imports.Error, Code: imports.Length}
		must(t, store.AddIssues(ctx, im.ID, 1, []imports.Issue{issue}))
		must(t, store.SaveMapping(ctx, imports.SavedMapping{Name: text, Owner: "ann", Schema: "workforce", SavedAt: im.CreatedAt}))
		page, err := store.Issues(ctx, im.ID, imports.IssueFilter{Search: text})
		if err != nil || !reflect.DeepEqual(page.Issues, []imports.Issue{issue}) {
			t.Errorf("%q: got %+v, %v", text, page.Issues, err)
		}
	}
	for i, text := range all {
		got, err := store.ByRequestID(ctx, text, "r")
		if err != nil || got.ID != fmt.Sprint(i) || got.Owner != text || got.FileName != text || got.Unused[0].Name != text || got.Sheets[0].WorkbookSheet != text {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
		if _, err := store.Get(ctx, text); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if saved, err := store.SavedMappings(ctx, "ann", "workforce"); err != nil || len(saved) != len(all) {
		t.Errorf("saved are %v, %v", saved, err)
	}
}

func storedBytes(t *testing.T, store imports.Store) {
	ctx := t.Context()
	want := func(want int64) {
		t.Helper()
		if n, err := store.StoredBytes(ctx, "ann"); err != nil || n != want {
			t.Errorf("%d bytes are stored, %v, want %d", n, err, want)
		}
	}
	want(0)
	for i, im := range []imports.Import{{Owner: "ann", SizeBytes: 1}, {Owner: "ann", SizeBytes: 20}, {Owner: "bob", SizeBytes: 300}} {
		im.ID, im.FileStored, im.Policy = fmt.Sprint(i), true, imports.Policy{OnIssues: imports.Abort, Mode: imports.Upsert}
		_, _, err := store.Create(ctx, im)
		must(t, err)
	}
	want(21)
	must(t, store.FileDeleted(ctx, "1"))
	must(t, store.FileDeleted(ctx, "no import"))
	want(1)
	if im, err := store.Get(ctx, "1"); err != nil || im.FileStored {
		t.Errorf("the import is %+v, %v", im, err)
	}
	must(t, store.Remove(ctx, "0"))
	want(0)
}
