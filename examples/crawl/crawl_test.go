package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoto/robotstxt"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"headway/clients/go"
	"headway/examples/internal/workertest"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a website that records the requests that it receives.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	paths []string
}

func serve(t *testing.T, handler http.Handler) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.paths = append(s.paths, r.URL.RequestURI())
		s.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		client.CloseIdleConnections()
		s.Close()
	})
	return s
}

func (s *site) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.paths)
}

// setup starts a jobs service, for crawls of a site.
func setup(t *testing.T, s *site, lease time.Duration) *workertest.World {
	t.Helper()
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return workertest.Start(t, "crawl", (&crawler{site: address}).crawl, lease)
}

// siteMap replays an output, as the web UI does: the nodes by ID, and their IDs in order.
func siteMap(t *testing.T, output string) (nodes map[string]line, order []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if lines[0] != `{"view":"tree"}` {
		t.Fatalf("the first line is %s", lines[0])
	}
	nodes = map[string]line{}
	for _, text := range lines[1:] {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if _, again := nodes[l.ID]; !again {
			order = append(order, l.ID)
		}
		if _, known := nodes[l.Parent]; !known && l.Parent != "" {
			t.Errorf("%s is before its parent %s", l.ID, l.Parent)
		}
		nodes[l.ID] = l
	}
	return nodes, order
}

func TestCrawlMapsSiteWithinItsLimits(t *testing.T) {
	s := serve(t, newSite())
	w := setup(t, s, 0)
	w.Work()
	job := w.Completed(w.Create(map[string]any{"depth": 3, "requestsPerSecond": 100}))
	nodes, _ := siteMap(t, w.Output(job.GetJobId()))
	for id, want := range map[string]line{
		"/":                      {Label: "The garden", State: done, Note: "6 links"},
		"/plants/tomato/":        {Parent: "/plants/", Label: "Growing tomato", State: done, Note: "3 links"},
		"/old-map":               {Parent: "/", Label: "/old-map", State: done, Note: "moved to /beds/"},
		"/diary/":                {Parent: "/", Label: "/diary/", State: skipped, Note: "excluded by robots.txt"},
		"/about/history/":        {Parent: "/about/", Label: "/about/history/", State: failed, Note: "404 Not Found"},
		"/calendar/3/":           {Parent: "/calendar/2/", Label: "Week 3", State: done, Note: "2 links"},
		"/calendar/4/":           {Parent: "/calendar/3/", Label: "/calendar/4/", State: skipped, Note: "deeper than the limit"},
		"/plants/mint/seeds.pdf": {Parent: "/plants/mint/", Label: "/plants/mint/seeds.pdf", State: done, Note: "0 links"},
	} {
		if want.ID = id; nodes[id] != want {
			t.Errorf("%s is %+v, want %+v", id, nodes[id], want)
		}
	}
	if _, found := nodes["/calendar/5/"]; found {
		t.Error("the crawl followed the links of a page beyond its depth")
	}
	asked := s.asked()
	if asked[0] != "/robots.txt" || slices.Contains(asked, "/diary/") || slices.Contains(asked, "/calendar/4/") {
		t.Errorf("the site received requests for %v", asked)
	}
	slices.Sort(asked)
	if len(slices.Compact(slices.Clone(asked))) != len(asked) {
		t.Errorf("an address was requested twice: %v", asked)
	}
	result := job.GetResult().AsMap()
	if result["pages"] != float64(len(asked)-1) || fmt.Sprint(result["broken"]) != "[/about/history/]" || result["skipped"] != 2.0 {
		t.Errorf("the result is %v after %d requests", result, len(asked))
	}
}

func TestCrawlKeepsToTheSlowerRate(t *testing.T) {
	for text, want := range map[string]rate.Limit{
		"": 5, "User-agent: *\nCrawl-delay: 0.1\n": 5, "User-agent: *\nCrawl-delay: 0.5\n": 2,
		"User-agent: headway-example\nCrawl-delay: 2\n\nUser-agent: *\nDisallow: /\n": 0.5,
	} {
		rules, err := robotstxt.FromString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := speed(rules.FindGroup(agent), 5); got != want {
			t.Errorf("with %q, the speed is %v, want %v", text, got, want)
		}
	}
}

// TestMapHasEveryPageOnceAfterCrash cuts a worker off in the middle. The next one continues with the next page.
func TestMapHasEveryPageOnceAfterCrash(t *testing.T) {
	s := serve(t, newSite())
	w := setup(t, s, 3*time.Second) // the test waits until it has expired
	_, cut := w.Work()
	id := w.Create(map[string]any{"requestsPerSecond": 20})
	w.Watch(id, func(job *jobsv1.Job) bool { return job.GetOutputBytes() > 900 })
	cut()
	w.Work()
	job := w.Completed(id)
	undisturbed := w.Completed(w.Create(map[string]any{"requestsPerSecond": 100}))
	nodes, order := siteMap(t, w.Output(id))
	want, wantOrder := siteMap(t, w.Output(undisturbed.GetJobId()))
	if job.GetAttempt() != 2 || !slices.Equal(order, wantOrder) || fmt.Sprint(nodes) != fmt.Sprint(want) {
		t.Errorf("attempt %d mapped %v\nwant %v", job.GetAttempt(), nodes, want)
	}
	if fmt.Sprint(job.GetResult().AsMap()) != fmt.Sprint(undisturbed.GetResult().AsMap()) {
		t.Errorf("the results differ: %v and %v", job.GetResult(), undisturbed.GetResult())
	}
}

func TestCancelStopsTheRequests(t *testing.T) {
	s := serve(t, newSite())
	w := setup(t, s, 0)
	w.Work()
	id := w.Create(map[string]any{"requestsPerSecond": 0.1})
	w.Watch(id, func(job *jobsv1.Job) bool { return job.GetProgress().GetSteps() != nil && job.GetOutputBytes() > 20 })
	if _, err := w.User.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	if job := w.End(id); headway.Word(job.GetStatus()) != "cancelled" {
		t.Errorf("the job ended as %v", job)
	}
	if asked := s.asked(); len(asked) > 2 {
		t.Errorf("the site received requests for %v", asked)
	}
}

func TestInvalidPayloadFailsPermanently(t *testing.T) {
	w := setup(t, serve(t, newSite()), 0)
	w.Work()
	w.RefusesPermanently(map[string]any{"start": "https://example.org/"}, map[string]any{"start": "//example.org/"}, map[string]any{"start": ""},
		map[string]any{"depth": -1}, map[string]any{"depth": 11}, map[string]any{"depth": nil}, map[string]any{"pages": 0}, map[string]any{"pages": 301},
		map[string]any{"requestsPerSecond": 0}, map[string]any{"requestsPerSecond": 101}, map[string]any{"dept": 3})
}
