package storetest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

// Tests of lists, removal, and the notification of observers.

func pages(t *testing.T, s *suite) {
	var want []string
	for range 25 {
		want = append([]string{s.add().ID}, want...)
	}
	var got []string
	f := job.Filter{Owner: "alice", Limit: 4}
	for {
		page, err := s.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ids(page.Jobs)...)
		s.add() // doesn't change the pages
		if f.Token = page.Next; f.Token == "" {
			break
		}
	}
	equal(t, "the list", got, want)
	_, err := s.List(t.Context(), job.Filter{Limit: 1, Token: "nonsense"})
	if invalid := (*job.InvalidError)(nil); !errors.As(err, &invalid) {
		t.Errorf("a malformed token gives %v", err)
	}
}

func readTogether(t *testing.T, s *suite) {
	gone := s.add()
	s.finish(s.claim(start, 1).Jobs[0], start)
	if err := s.Delete(t.Context(), gone.ID, func(*job.Job) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var want []string
	for range 3 {
		want = append(want, s.add().ID)
	}
	for _, wanted := range [][]string{want, want[:1], nil} {
		found, err := s.GetAll(t.Context(), append([]string{gone.ID, "never-was"}, wanted...))
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(found, func(a, b job.Job) int { return strings.Compare(a.ID, b.ID) })
		equal(t, "the jobs", ids(found), append([]string{}, slices.Sorted(slices.Values(wanted))...))
		for i := range found {
			equal(t, "the job", found[i], s.get(found[i].ID))
		}
	}
}

func labelPages(t *testing.T, s *suite) {
	var want []string
	for i := range 9 {
		labeled := func(spec *job.Spec) {
			if i%2 == 0 {
				spec.Labels = map[string]string{"team": "a"}
			}
		}
		if j := s.add(labeled); i%2 == 0 {
			want = append([]string{j.ID}, want...)
		}
	}
	var got []string
	f := job.Filter{Labels: map[string]string{"team": "a"}, Limit: 2}
	for more := true; more; more = f.Token != "" {
		page, err := s.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ids(page.Jobs)...)
		f.Token = page.Next
	}
	equal(t, "the list", got, want)
}

func lists(t *testing.T, s *suite) {
	add := func(owner, kind string, created time.Duration, labels map[string]string) string {
		spec := job.Spec{Kind: kind, Owner: owner, Labels: labels}
		j, err := job.New(spec, start.Add(created))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Create(t.Context(), j, "", spec.Fingerprint()); err != nil {
			t.Fatal(err)
		}
		return j.ID
	}
	a := add("alice", "crawl", 0, map[string]string{"team": "a", "x": "1"})
	b := add("alice", "media", time.Second, map[string]string{"team": "a"})
	c := add("bob", "crawl", 2*time.Second, nil)
	d := add("Alice", "crawl", 3*time.Second, map[string]string{"team": "A"})
	late := add("dave", "story", -time.Hour, nil) // its clock was set back
	s.finish(s.claim(start, 1).Jobs[0], start)    // a
	for _, test := range []struct {
		name   string
		filter job.Filter
		want   []string
	}{
		{"everyone", job.Filter{}, []string{d, c, b, a, late}},
		{"owner, by case", job.Filter{Owner: "alice"}, []string{b, a}},
		{"kind", job.Filter{Kinds: []string{"crawl"}}, []string{d, c, a}},
		{"kinds", job.Filter{Kinds: []string{"crawl", "media"}}, []string{d, c, b, a}},
		{"a kind named twice", job.Filter{Kinds: []string{"crawl", "media", "crawl"}}, []string{d, c, b, a}},
		{"a status named twice", job.Filter{Statuses: []job.Status{job.Completed, job.Queued, job.Completed, job.Queued}}, []string{d, c, b, a, late}},
		{"owner and kind", job.Filter{Owner: "alice", Kinds: []string{"crawl"}}, []string{a}},
		{"status", job.Filter{Statuses: []job.Status{job.Queued}}, []string{d, c, b, late}},
		{"statuses", job.Filter{Statuses: []job.Status{job.Queued, job.Completed}}, []string{d, c, b, a, late}},
		{"owner, status and kind", job.Filter{Owner: "alice", Statuses: []job.Status{job.Completed}, Kinds: []string{"media"}}, nil},
		{"label", job.Filter{Labels: map[string]string{"team": "a"}}, []string{b, a}},
		{"labels", job.Filter{Labels: map[string]string{"team": "a", "x": "1"}}, []string{a}},
		{"label and status", job.Filter{Labels: map[string]string{"team": "a"}, Statuses: []job.Status{job.Queued}}, []string{b}},
		{"label and kind", job.Filter{Labels: map[string]string{"team": "a"}, Kinds: []string{"crawl", "story"}}, []string{a}},
		{"label of an owner", job.Filter{Owner: "Alice", Labels: map[string]string{"team": "A"}}, []string{d}},
		{"label of another owner", job.Filter{Owner: "bob", Labels: map[string]string{"team": "a"}}, nil},
		{"label and time", job.Filter{Labels: map[string]string{"team": "a"}, CreatedAfter: start.Add(time.Second), CreatedBefore: start.Add(time.Hour)}, []string{b}},
		{"from a time on", job.Filter{CreatedAfter: start.Add(time.Second)}, []string{d, c, b}},
		{"before a time", job.Filter{CreatedBefore: start.Add(time.Second)}, []string{a, late}},
		{"nobody", job.Filter{Owner: "carol"}, nil},
		{"stored before a job", job.Filter{StoredBefore: c}, []string{b, a}},
		{"stored before a job with an earlier time", job.Filter{StoredBefore: late}, []string{d, c, b, a}},
		{"label and stored before a job", job.Filter{Labels: map[string]string{"team": "a"}, StoredBefore: b}, []string{a}},
		{"status and stored before a job", job.Filter{Statuses: []job.Status{job.Queued}, StoredBefore: c}, []string{b}},
		{"stored before a job that is gone", job.Filter{StoredBefore: "gone"}, nil},
	} {
		test.filter.Limit = 10
		page, err := s.List(t.Context(), test.filter)
		if err != nil || !slices.Equal(ids(page.Jobs), test.want) || page.Next != "" {
			t.Errorf("%s: %v, %v, next %q; want %v", test.name, ids(page.Jobs), err, page.Next, test.want)
		}
	}
}

func live(t *testing.T, s *suite) {
	early, late := s.add(), s.add()
	s.finish(s.claim(start, 1).Jobs[0], start.Add(time.Second))
	s.finish(s.claim(start, 1).Jobs[0], start.Add(3*time.Second))
	queued, active := s.add(func(spec *job.Spec) { spec.Priority = -1 }), s.add()
	s.claim(start, 1)
	_ = early
	for _, c := range []struct {
		filter job.Filter
		want   []string
	}{
		{job.Filter{Live: true}, []string{active.ID, queued.ID}},
		{job.Filter{Live: true, Owner: "alice", EndedAfter: start.Add(3 * time.Second)}, []string{active.ID, queued.ID, late.ID}},
		{job.Filter{Live: true, Owner: "bob", EndedAfter: start}, nil},
	} {
		c.filter.Limit = 10
		page, err := s.List(t.Context(), c.filter)
		if err != nil || !slices.Equal(ids(page.Jobs), c.want) {
			t.Errorf("%+v: %v, %v; want %v", c.filter, ids(page.Jobs), err, c.want)
		}
	}
}

func liveCounts(t *testing.T, s *suite) {
	counts, err := s.CountLive(t.Context())
	if err != nil || len(counts) != 0 {
		t.Errorf("an empty store counts %v, %v", counts, err)
	}
	for range 4 {
		s.add()
	}
	s.add(func(spec *job.Spec) { spec.Kind = "media" })
	s.finish(s.claim(start, 2).Jobs[0], start)
	counts, err = s.CountLive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the count", counts, map[string]map[job.Status]int{"crawl": {job.Queued: 2, job.Active: 1}, "media": {job.Queued: 1}})
	other := s.add(func(spec *job.Spec) { spec.Owner = "carol" })
	for owner, want := range map[string]int64{other.Owner: 1, s.add().Owner: 5, "no user": 0} {
		n, err := s.CountOwner(t.Context(), owner)
		if err != nil || n != want {
			t.Errorf("%s has %d live jobs, %v, want %d", owner, n, err, want)
		}
	}
}

func countOutput(t *testing.T, s *suite) {
	leased, _ := s.written(5000, 3000)
	other, _ := s.written(70, 70)
	s.finish(other, start)
	count := func(owner string, want int64) {
		t.Helper()
		if n, err := s.CountOutput(t.Context(), owner); err != nil || n != want {
			t.Errorf("%s has %d bytes of output, %v, want %d", owner, n, err, want)
		}
	}
	count(leased.Owner, 5070)
	count("no user", 0)
	if err := s.seal(leased.ID, "a", 0, 4000); err != nil {
		t.Fatal(err)
	}
	count(leased.Owner, 5070)
	if err := s.Delete(t.Context(), other.ID, func(*job.Job) error { return nil }); err != nil {
		t.Fatal(err)
	}
	count(leased.Owner, 5000)
}

func remove(t *testing.T, s *suite) {
	id := s.add(func(spec *job.Spec) { spec.Labels = map[string]string{"team": "a"} }).ID
	leased := s.claim(start, 1).Jobs[0]
	if _, err := s.AppendOutput(t.Context(), id, leased.Lease.Token, 0, []byte("text"), 100); err != nil {
		t.Fatal(err)
	}
	refusal := errors.New("not yet")
	wantError(t, s.Delete(t.Context(), id, func(*job.Job) error { return refusal }), refusal)
	s.finish(leased, start)
	if err := s.Delete(t.Context(), id, func(j *job.Job) error { equal(t, "the status", j.Status, job.Completed); return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := s.Get(t.Context(), id)
	wantError(t, err, job.ErrNotFound)
	_, err = s.ReadOutput(t.Context(), id, 0, 10)
	wantError(t, err, job.ErrNotFound)
	page, err := s.List(t.Context(), job.Filter{Labels: map[string]string{"team": "a"}, Limit: 10})
	if err != nil || len(page.Jobs) != 0 {
		t.Errorf("a list by its label has %v, %v", page.Jobs, err)
	}
	equal(t, "the last commit", s.commits[len(s.commits)-1].Deleted, []job.Deleted{{ID: id, Owner: "alice", Kind: "crawl", CreatedAt: start}})
}

func purge(t *testing.T, s *suite) {
	for range 3 {
		s.add()
	}
	for i, j := range s.claim(start, 2).Jobs {
		s.finish(j, start.Add(time.Duration(i)*time.Hour))
	}
	n, err := s.Purge(t.Context(), start.Add(time.Minute), 10)
	if err != nil || n != 1 {
		t.Errorf("Purge: %d, %v; want 1", n, err)
	}
	page, err := s.List(t.Context(), job.Filter{Limit: 10})
	if err != nil || len(page.Jobs) != 2 {
		t.Errorf("%d jobs are left, %v; want 2", len(page.Jobs), err)
	}
}

func unicode(t *testing.T, s *suite) {
	text := "Zoë — ÅŁ 東京 🚕 'quoted' \"twice\" \\ \x01"
	want := s.add(func(spec *job.Spec) {
		spec.Owner, spec.Title, spec.Labels = text, text, map[string]string{"team": text}
		payload, _ := json.Marshal(map[string]any{"text": text, "number": 9007199254740991})
		spec.Payload = payload
	})
	equal(t, "the job", s.get(want.ID), want)
	page, err := s.List(t.Context(), job.Filter{Owner: text, Labels: map[string]string{"team": text}, Limit: 2})
	if err != nil || len(page.Jobs) != 1 {
		t.Errorf("List: %v, %v", page, err)
	}
}

func oddTexts(t *testing.T, s *suite) {
	s.add()
	const odd = "a\x00b"
	if _, err := s.Get(t.Context(), odd); !errors.Is(err, job.ErrNotFound) {
		t.Errorf("Get of an id with NUL: %v", err)
	}
	_, err := s.change(odd, func(*job.Job) error { return nil })
	wantError(t, err, job.ErrNotFound)
	_, err = s.ReadOutput(t.Context(), odd, 0, 1)
	wantError(t, err, job.ErrNotFound)
	_, err = s.Tail(t.Context(), odd)
	wantError(t, err, job.ErrNotFound)
	_, err = s.Result(t.Context(), odd)
	wantError(t, err, job.ErrNotFound)
	for _, f := range []job.Filter{{Owner: odd}, {Kinds: []string{odd}}, {Labels: map[string]string{"team": odd}}} {
		f.Limit = 10
		if page, err := s.List(t.Context(), f); err != nil || len(page.Jobs) != 0 {
			t.Errorf("%+v: %v, %v", f, page.Jobs, err)
		}
	}
	claimed := s.claim(start, 1, func(c *job.Claim) { c.Worker = odd })
	if len(claimed.Jobs) != 1 {
		t.Errorf("a worker whose name has NUL got %d jobs", len(claimed.Jobs))
	}
	if claimed := s.claim(start, 1, func(c *job.Claim) { c.Kinds = []string{odd} }); len(claimed.Jobs) != 0 {
		t.Errorf("a kind with NUL got %d jobs", len(claimed.Jobs))
	}
}

func observed(t *testing.T, s *suite) {
	j := s.add()
	for i := range 5 {
		if _, err := s.change(j.ID, func(j *job.Job) error { j.Touch(start); return nil }); err != nil {
			t.Fatal(err)
		}
		if last := s.commits[len(s.commits)-1].Jobs; len(last) != 1 || last[0].Revision != uint32(i+2) {
			t.Fatalf("after revision %d was answered, the observer has %v", i+2, last)
		}
	}
	told := len(s.commits)
	if _, err := s.change(j.ID, func(*job.Job) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(s.commits) != told {
		t.Error("the observer was called for a change that no snapshot shows")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := s.change(j.ID, func(j *job.Job) error { j.Touch(start); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := uint32(0)
	for _, c := range s.commits {
		for _, told := range c.Jobs {
			if want++; told.Revision != want {
				t.Fatalf("revision %d was observed at position %d", told.Revision, want)
			}
		}
	}
}
