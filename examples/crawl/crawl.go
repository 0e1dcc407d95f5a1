package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/temoto/robotstxt"
	"golang.org/x/time/rate"

	"headway/clients/go"
)

const (
	defaultDepth, maxDepth = 3, 10
	defaultPages, maxPages = 60, 300
	// defaultRate is polite to any site.
	defaultRate, minRate, maxRate = 5.0, 0.1, 100.0
	// maxFound bounds the addresses that are remembered, so that they fit in a checkpoint.
	maxFound = 400
)

// order is the payload of a job. Every field is optional.
type order struct {
	// Start is the path of the first page. The default is /.
	Start string `json:"start"`
	// Depth is the maximum number of links between the first page and any other, 0 to 10.
	Depth *int `json:"depth"`
	// Pages is the maximum number of pages, 1 to 300.
	Pages *int `json:"pages"`
	// RequestsPerSecond limits the speed, 0.1 to 100. The site's own limit (Crawl-delay) applies too.
	RequestsPerSecond *float64 `json:"requestsPerSecond"`
}

// address is an address that the crawler has found.
type address struct {
	Path   string `json:"p"`
	Parent int    `json:"f"` // the index of the page that has the link, -1 for the first page
	Depth  int    `json:"d"`
}

// state is a crawl so far, and the checkpoint after each page.
type state struct {
	Found []address `json:"found"`
	// Next is the index of the address to visit next. All before it have a line in the output.
	Next    int      `json:"next"`
	Pages   int      `json:"pages"`
	Skipped int      `json:"skipped"`
	Broken  []string `json:"broken"`
	known   map[string]bool
}

// line is a line of the output: a node of the tree that the web UI shows. A line with the ID of an earlier one replaces it.
type line struct {
	ID     string `json:"id"`
	Parent string `json:"parent,omitempty"`
	Label  string `json:"label"`
	Note   string `json:"note"`
	State  string `json:"state"`
}

// The values of a line's state.
const (
	done    = "done"
	skipped = "skipped"
	failed  = "failed"
)

// crawler crawls one site, and no other.
type crawler struct{ site *url.URL }

// crawl is the handler of kind `crawl`. It visits pages breadth first, one at a time, and writes a line for each to the job's
// output.
//
// The checkpoint after each page has all addresses that were found, so the next attempt continues with the next page. If the
// last attempt had already written that page's line, it is written again with the same ID, and replaces the first one.
func (c *crawler) crawl(ctx context.Context, task *headway.Task) (any, error) {
	o, err := readOrder(task)
	if err != nil {
		return nil, err
	}
	s := &state{Broken: []string{}, known: map[string]bool{}}
	if saved := task.LastCheckpoint(); len(saved) > 0 {
		if err := json.Unmarshal(saved, s); err != nil {
			return nil, fmt.Errorf("read the checkpoint: %w", err)
		}
	}
	for _, a := range s.Found {
		s.known[a.Path] = true
	}
	s.add(address{Path: o.Start, Parent: -1})

	task.Plan(headway.StepPlan{Name: "robots", Title: "Read robots.txt", Weight: 1},
		headway.StepPlan{Name: "pages", Title: "Follow the links", Weight: 20, Unit: "addresses"})
	step := task.Step("robots").Start()
	task.Message("Reading robots.txt…")
	rules, err := c.rules(ctx)
	if err != nil {
		return nil, headway.Fail("SITE_UNAVAILABLE", fmt.Sprintf("The site's robots.txt can't be read: %v", err))
	}
	step.Complete()
	limit := rate.NewLimiter(speed(rules, *o.RequestsPerSecond), 1)
	if task.Job().GetOutputBytes() == 0 {
		if err := write(task, map[string]any{"view": "tree"}); err != nil {
			return nil, err
		}
	}

	step = task.Step("pages").Start()
	for ; s.Next < len(s.Found) && s.Pages < *o.Pages; s.Next++ {
		s.show(task, step)
		l, err := c.visit(ctx, s, rules, limit, *o.Depth)
		if err != nil {
			return nil, err
		}
		if err := write(task, l); err != nil {
			return nil, err
		}
		if err := s.save(task); err != nil {
			return nil, err
		}
	}
	s.show(task, step)
	step.Total(float64(s.Next)).Complete()
	task.Message("Mapped %d pages.", s.Pages)
	return map[string]any{"pages": s.Pages, "skipped": s.Skipped, "broken": s.Broken, "notVisited": len(s.Found) - s.Next}, nil
}

// speed returns the requests per second that both the user and the site allow.
func speed(rules *robotstxt.Group, wanted float64) rate.Limit {
	limit := rate.Limit(wanted)
	if rules.CrawlDelay > 0 {
		limit = min(limit, rate.Every(rules.CrawlDelay))
	}
	return limit
}

// visit visits the next address, and returns its line. The error is that of ctx.
func (c *crawler) visit(ctx context.Context, s *state, rules *robotstxt.Group, limit *rate.Limiter, depth int) (line, error) {
	at := s.Found[s.Next]
	l := line{ID: at.Path, Label: at.Path, State: skipped}
	if at.Parent >= 0 {
		l.Parent = s.Found[at.Parent].Path
	}
	switch {
	case at.Depth > depth:
		s.Skipped++
		l.Note = "deeper than the limit"
		return l, nil
	case !rules.Test(at.Path):
		s.Skipped++
		l.Note = "excluded by robots.txt"
		return l, nil
	}
	if err := limit.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return l, context.Cause(ctx)
		}
		return l, fmt.Errorf("wait for the next request: %w", err)
	}
	s.Pages++
	page, err := c.fetch(ctx, at.Path)
	if ctx.Err() != nil {
		return l, context.Cause(ctx)
	}
	if err != nil {
		s.Broken = append(s.Broken, at.Path)
		l.State, l.Note = failed, "no response"
		return l, nil //nolint:nilerr // a page without a response is a result
	}
	switch {
	case page.moved != "":
		l.State, l.Note = done, "moved to "+page.moved
		page.links = []string{page.moved}
	case page.status != http.StatusOK:
		s.Broken = append(s.Broken, at.Path)
		l.State, l.Note = failed, fmt.Sprintf("%d %s", page.status, http.StatusText(page.status))
	default:
		l.State, l.Note = done, plural(len(page.links), "link")
		if title := strings.Join(strings.Fields(page.title), " "); title != "" {
			l.Label = title
		}
	}
	for _, link := range page.links {
		s.add(address{Path: link, Parent: s.Next, Depth: at.Depth + 1})
	}
	return l, nil
}

// add adds an address that is new.
func (s *state) add(a address) {
	if !s.known[a.Path] && len(s.Found) < maxFound {
		s.known[a.Path] = true
		s.Found = append(s.Found, a)
	}
}

// show reports the progress. The total is an estimate until the end.
func (s *state) show(task *headway.Task, step *headway.Step) {
	step.About(float64(len(s.Found))).Set(float64(s.Next))
	if s.Next < len(s.Found) {
		task.Message("Fetching %s", s.Found[s.Next].Path)
	}
}

// save saves the state after the current address.
func (s *state) save(task *headway.Task) error {
	after := *s
	after.Next++
	text, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	task.Checkpoint(text)
	return nil
}

// write appends a line to the output. A line is one append, so it is never written in part.
func write(task *headway.Task, l any) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	_, err = task.Output().Write(append(text, '\n'))
	return err
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// readOrder reads the payload and sets the defaults. An invalid payload stays invalid, so its job is not retried.
func readOrder(task *headway.Task) (order, error) {
	refuse := func(format string, args ...any) (order, error) {
		return order{}, headway.FailPermanently("PAYLOAD_INVALID", fmt.Sprintf(format, args...), nil)
	}
	o := order{Start: "/", Depth: new(defaultDepth), Pages: new(defaultPages), RequestsPerSecond: new(defaultRate)}
	if err := task.StrictPayload(&o); err != nil {
		return refuse("The payload can have start (a path), depth, pages, and requestsPerSecond (numbers): %v.", err)
	}
	switch {
	case !strings.HasPrefix(o.Start, "/") || strings.HasPrefix(o.Start, "//") || len(o.Start) > maxPathBytes:
		return refuse("start must be a path of the site such as /plants/, with at most %d bytes.", maxPathBytes)
	case o.Depth == nil || *o.Depth < 0 || *o.Depth > maxDepth:
		return refuse("depth must be a whole number from 0 to %d.", maxDepth)
	case o.Pages == nil || *o.Pages < 1 || *o.Pages > maxPages:
		return refuse("pages must be a whole number from 1 to %d.", maxPages)
	case o.RequestsPerSecond == nil || *o.RequestsPerSecond < minRate || *o.RequestsPerSecond > maxRate:
		return refuse("requestsPerSecond must be from %g to %g.", minRate, maxRate)
	}
	return o, nil
}
