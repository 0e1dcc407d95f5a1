package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// event is a line of the history: what a client of the cluster has seen, or what was done to the cluster.
type event struct {
	At   time.Time
	What string // one of the constants below
	// Owner and ID are those of a job or an import.
	Owner, ID string `json:",omitempty"`
	Status    string `json:",omitempty"`
	// Counts are those of an import.
	Counts counts `json:",omitzero"`
	Text   string `json:",omitempty"`
}

// What clients have seen.
const (
	created   = "created"  // a job was acknowledged
	accepted  = "accepted" // an upload was acknowledged
	ended     = "ended"    // a watcher has seen the end
	final     = "final"    // the state after all disturbances
	violated  = "violated" // an invariant was broken while clients looked
	disturbed = "disturbed"
)

// counts are the counts of an import, as in REST.
type counts struct {
	Read, Inserted, Updated, Unchanged, Rejected, Blocked, Skipped int
}

// history writes events to a file, and collects how long updates took to reach their watchers.
type history struct {
	path string

	mu      sync.Mutex
	file    *os.File
	out     *bufio.Writer
	during  string // the disturbance in progress
	latency map[string][]time.Duration
}

func newHistory(t *testing.T) *history {
	t.Helper()
	path := os.Getenv("HEADWAY_CHAOS_HISTORY")
	if path == "" {
		path = filepath.Join(t.TempDir(), "history.jsonl")
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &history{path: path, file: file, out: bufio.NewWriter(file), during: "nothing", latency: map[string][]time.Duration{}}
}

func (h *history) add(e event) {
	e.At = time.Now()
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // can't fail: it has only texts and numbers
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = h.out.Write(append(line, '\n')) // the flush returns the error
}

// disturb records a disturbance, or its end.
func (h *history) disturb(what string) {
	h.add(event{What: disturbed, Text: what})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.during = what
}

// arrived records how long an update took.
func (h *history) arrived(took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kind, _, _ := strings.Cut(h.during, ":")
	h.latency[kind] = append(h.latency[kind], took)
}

// report returns the latencies by the disturbance during which the updates arrived.
func (h *history) report() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "update → watcher  %9s %10s %10s\n", "updates", "p50", "p99")
	for _, kind := range slices.Sorted(maps.Keys(h.latency)) {
		all := h.latency[kind]
		slices.Sort(all)
		fmt.Fprintf(&b, "%-17s %9d %10v %10v\n", kind, len(all), all[len(all)/2].Round(time.Millisecond), all[len(all)*99/100].Round(time.Millisecond))
	}
	return b.String()
}

// events reads the history.
func (h *history) events(t *testing.T) (all []event) {
	t.Helper()
	h.mu.Lock()
	err := h.out.Flush()
	h.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(h.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for decoder := json.NewDecoder(bufio.NewReader(file)); ; {
		var e event
		if err := decoder.Decode(&e); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
}

// check checks the invariants. stored are the numbers of rows and of applied imports in the database.
func (h *history) check(t *testing.T, storedRows, applied int) {
	t.Helper()
	acknowledged, finals, watched := map[string]event{}, map[string]event{}, map[string]string{}
	for _, e := range h.events(t) {
		switch e.What {
		case created, accepted:
			acknowledged[e.ID] = e
		case final:
			finals[e.ID] = e
		case ended:
			if before := watched[e.ID]; before != "" && before != e.Status {
				t.Errorf("one watcher saw that %s was %s, and another one that it was %s", e.ID, before, e.Status)
			}
			watched[e.ID] = e.Status
		case violated:
			t.Error(e.Text)
		}
	}
	jobs, imports, inserted := 0, 0, 0
	for id, e := range acknowledged {
		last, known := finals[id]
		switch {
		case !known:
			t.Errorf("%s of %s was %s at %v, and is lost", id, e.Owner, e.What, e.At)
			continue
		case last.Status != "completed":
			t.Errorf("%s of %s ended as %s: %s", id, e.Owner, last.Status, last.Text)
		case last.Owner != e.Owner:
			t.Errorf("%s of %s belongs to %s", id, e.Owner, last.Owner)
		}
		if was := watched[id]; was != "" && was != last.Status {
			t.Errorf("a watcher saw that %s was %s, and it is %s", id, was, last.Status)
		}
		if e.What == created {
			jobs++
			continue
		}
		imports++
		inserted += last.Counts.Inserted
		if c := last.Counts; c.Read != c.Inserted+c.Updated+c.Unchanged+c.Rejected+c.Blocked+c.Skipped || c.Read == 0 {
			t.Errorf("the counts of the import %s don't add up: %+v", id, c)
		}
		if last.Counts.Read != e.Counts.Read || last.Counts.Rejected != e.Counts.Rejected {
			t.Errorf("the import %s has read %+v, want %+v", id, last.Counts, e.Counts)
		}
	}
	for id, e := range finals {
		if _, known := acknowledged[id]; !known {
			t.Errorf("%s of %s exists, and was never acknowledged, although every request was repeated until it was", id, e.Owner)
		}
	}
	if inserted != storedRows || applied != imports {
		t.Errorf("%d imports have inserted %d rows; the database has %d rows of %d imports", imports, inserted, storedRows, applied)
	}
	if jobs == 0 || imports == 0 || len(watched) == 0 {
		t.Errorf("%d jobs, %d imports, and %d watched ends are too few", jobs, imports, len(watched))
	}
	t.Logf("%d jobs and %d imports were acknowledged, %d rows are stored, %d ends were watched", jobs, imports, storedRows, len(watched))
}
