package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	active    = jobsv1.JobStatus_JOB_STATUS_ACTIVE
	queued    = jobsv1.JobStatus_JOB_STATUS_QUEUED
	completed = jobsv1.JobStatus_JOB_STATUS_COMPLETED
)

// snapshot returns a state of one of ann's jobs as it is read from the wire.
func snapshot(t testing.TB, id string, revision uint32, s jobsv1.JobStatus, change ...func(*jobsv1.Job)) *Snapshot {
	t.Helper()
	job := &jobsv1.Job{JobId: id, Kind: "k", Owner: "ann", Revision: revision, Status: s, UpdatedAt: timestamppb.Now(), CreatedAt: timestamppb.Now()}
	for _, c := range change {
		c(job)
	}
	raw, err := proto.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	state, err := readJob(raw)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// told takes all items out of a subscription, and returns them as "job revision", with their special properties.
func told(s *Subscription) (got []string) {
	for item, ok := s.Next(); ok; item, ok = s.Next() {
		switch {
		case item.End != nil:
			return append(got, item.End.Error())
		case item.Deleted != "":
			got = append(got, item.Deleted+" deleted")
		case item.First:
			got = append(got, fmt.Sprint(item.ID, item.Revision, " first"))
		default:
			got = append(got, fmt.Sprint(item.ID, item.Revision))
		}
	}
	return got
}

func want(t *testing.T, s *Subscription, items ...string) {
	t.Helper()
	if got := told(s); !slices.Equal(got, items) {
		t.Errorf("got %q, want %q", got, items)
	}
}

func TestOwnJobsStreamSkipsToLatestStates(t *testing.T) {
	s := &Subscription{box: newBox()}
	offer := func(states ...*Snapshot) {
		for _, state := range states {
			s.offer(state)
		}
	}
	offer(snapshot(t, "a", 1, active), snapshot(t, "b", 1, active))
	if _, skipped := s.offer(snapshot(t, "a", 2, active)); !skipped {
		t.Error("a replaced state does not count as skipped")
	}
	offer(snapshot(t, "a", 1, active)) // late
	want(t, s, "a2 first", "b1 first")
	offer(snapshot(t, "a", 2, active), snapshot(t, "a", 3, active))
	want(t, s, "a3")
	offer(snapshot(t, "a", 4, completed), snapshot(t, "a", 5, queued), snapshot(t, "a", 6, active)) // retried before the end was sent
	want(t, s, "a4", "a6")
	offer(snapshot(t, "a", 7, completed))
	want(t, s, "a7")
	offer(snapshot(t, "a", 7, completed)) // received twice
	want(t, s)
	if s.drop("c") || !s.drop("b") {
		t.Error("deletions are sent of jobs that were never sent, or not of those that were")
	}
	want(t, s, "b deleted")
}

func TestStreamOfOneJobEndsWithFirstEnd(t *testing.T) {
	s := &Subscription{}
	s.offer(snapshot(t, "a", 2, completed))
	s.offer(snapshot(t, "a", 3, queued)) // retried before the end was sent
	want(t, s, "a2 first", ErrEnded.Error())
	s.offer(snapshot(t, "a", 4, active))
	want(t, s)
}

func TestSubscriptionNeverGoesBack(t *testing.T) {
	s := &Subscription{}
	s.offer(snapshot(t, "a", 4, active)) // while an earlier state was read
	s.offer(snapshot(t, "a", 3, active))
	want(t, s, "a4 first")
	s.offer(snapshot(t, "a", 4, active))
	want(t, s)
	s.finish(ErrDraining)
	s.offer(snapshot(t, "a", 5, active))
	want(t, s, ErrDraining.Error())
}

func TestHeadIsReadWithoutPayload(t *testing.T) {
	payload, err := structpb.NewStruct(map[string]any{"text": strings.Repeat("x", 8<<10)})
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_789_000_123_456)
	s := snapshot(t, "a", 7, completed, func(j *jobsv1.Job) {
		j.Payload, j.UpdatedAt, j.Title = payload, timestamppb.New(at), "Title"
	})
	if s.ID != "a" || s.Import || s.Kind != "k" || s.Owner != "ann" || s.Revision != 7 || !s.Terminal || s.At != at.UnixMilli() {
		t.Errorf("head %+v", s.head())
	}
	var job jobsv1.Job
	if err := proto.Unmarshal(s.Raw, &job); err != nil || job.GetTitle() != "Title" || job.GetPayload() != nil || job.GetRevision() != 7 {
		t.Errorf("kept %v, %v", &job, err)
	}
	if len(s.Raw) > 200 || cap(s.Raw) > 200 {
		t.Errorf("%d bytes are kept in %d", len(s.Raw), cap(s.Raw))
	}
	for _, broken := range [][]byte{{0xff}, {0x0a, 0x05, 'a'}, {0xb2, 0x01, 0x02, 0x08}} {
		if s, err := readJob(broken); err == nil {
			t.Errorf("%x reads as %v", broken, s)
		}
	}
}

func TestSnapshotIsEncodedOnce(t *testing.T) {
	s := snapshot(t, "a", 1, active)
	encoded := 0
	encode := func() (any, error) { encoded++; return encoded, nil }
	for _, form := range []string{"x", "y", "x", "y"} {
		if _, err := s.Encoded(form, encode); err != nil {
			t.Fatal(err)
		}
	}
	if encoded != 2 {
		t.Errorf("encoded %d times in two forms", encoded)
	}
	s.dropUnused()
	if v, _ := s.Encoded("x", encode); v != 1 {
		t.Error("a form that was asked for lately is dropped")
	}
	s.dropUnused()
	s.dropUnused()
	if v, _ := s.Encoded("x", encode); v != 3 {
		t.Errorf("a form that no client asks for is kept: %v", v)
	}
}

// memory is an Upstream that a test fills.
type memory struct {
	jobs  map[string]*Snapshot
	reads int
}

func (m *memory) Jobs(ctx context.Context, _ bool, _ time.Time, news func([]*Snapshot, []string, bool)) error {
	var all []*Snapshot
	for _, s := range m.jobs {
		all = append(all, s)
	}
	news(all, nil, true)
	<-ctx.Done()
	return ctx.Err()
}

func (m *memory) Import(context.Context, string, uint32, func(*Snapshot)) error {
	return status.Error(codes.NotFound, "none")
}

func (m *memory) Read(_ context.Context, t Topic) (*Snapshot, error) {
	m.reads++
	if s := m.jobs[t.ID]; s != nil {
		return s, nil
	}
	return nil, status.Error(codes.NotFound, "none")
}

func startHub(t *testing.T, m *memory, change func(*Config)) *Hub {
	t.Helper()
	cfg := Config{Upstream: m}
	if change != nil {
		change(&cfg)
	}
	h := New(cfg)
	h.OnReady(func([]*Subscription) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-h.synced
	return h
}

var ann = auth.Identity{Subject: "ann"}

func admit(t *testing.T, h *Hub) *Subscription {
	t.Helper()
	s := &Subscription{}
	if err := h.Admit(s, ann, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestUnwatchedJobsCostNoMemory publishes jobs with long states that no client watches. Only their heads are kept, and
// a job is read when a client watches it.
func TestUnwatchedJobsCostNoMemory(t *testing.T) {
	long := func(j *jobsv1.Job) { j.Title = strings.Repeat("x", 2*maxUnwatched) }
	m := &memory{jobs: map[string]*Snapshot{
		"long": snapshot(t, "long", 3, active, long), "short": snapshot(t, "short", 1, active),
	}}
	h := startHub(t, m, nil)
	kept := func(id string) bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.jobs[id].latest.Raw != nil
	}
	if kept("long") || !kept("short") {
		t.Errorf("kept long: %v, short: %v", kept("long"), kept("short"))
	}
	s := admit(t, h)
	state, err := h.Watch(t.Context(), s, Topic{ID: "long"}, ann)
	if err != nil || state.Revision != 3 || state.Raw == nil || m.reads != 1 || !kept("long") {
		t.Fatalf("watching it gives %v, %v after %d reads", state, err, m.reads)
	}
	want(t, s, "long3 first")
	mine := admit(t, h)
	if err := h.WatchMine(t.Context(), mine, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := told(mine); len(got) != 2 {
		t.Errorf("the stream of all jobs tells of %q", got)
	}
	s.Close()
	mine.Close()
	h.dropUnwanted()
	if kept("long") {
		t.Error("a long state is kept after the last watcher has gone")
	}
	mine = admit(t, h)
	if err := h.WatchMine(t.Context(), mine, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := told(mine); len(got) != 2 {
		t.Errorf("the stream of all jobs tells of %q", got)
	}
}

func TestForgottenSubscriptionsLeaveNothing(t *testing.T) {
	h := startHub(t, &memory{jobs: map[string]*Snapshot{}}, func(c *Config) { c.PerUser, c.Max = 2, 3 })
	var open []*Subscription
	for range 3 {
		s := admit(t, h)
		h.Confirm(s)
		open = append(open, s)
	}
	want(t, open[0], ErrReplaced.Error())
	want(t, open[1])
	if err := h.Admit(&Subscription{}, ann, ""); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a fourth: %v", err)
	}
	if _, err := h.Watch(t.Context(), open[2], Topic{ID: "none"}, ann); status.Code(err) != codes.NotFound {
		t.Errorf("watching what is not there: %v", err)
	}
	for _, s := range open {
		s.Close()
		s.Close()
	}
	if len(h.open)+len(h.users)+len(h.jobs) != 0 {
		t.Errorf("left: %d subscriptions, %d users, %d feeds", len(h.open), len(h.users), len(h.jobs))
	}
	drained, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h.Drain(drained, 0)
	if err := h.Admit(&Subscription{}, ann, ""); status.Code(err) != codes.Unavailable {
		t.Errorf("after Drain: %v", err)
	}
	if errors.Is(drained.Err(), context.DeadlineExceeded) {
		t.Error("Drain waits for nothing")
	}
}

func BenchmarkReadJob(b *testing.B) {
	raw := snapshot(b, "0190b3a4-7e6f-7000-8000-000000000000", 12, active, func(j *jobsv1.Job) {
		j.Progress = &jobsv1.Progress{Percent: 12, Message: "Rows", Steps: []*jobsv1.Step{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	}).Raw
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readJob(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAttemptsAreRatedPerUser(t *testing.T) {
	m := &memory{jobs: map[string]*Snapshot{}}
	h := startHub(t, m, func(c *Config) { c.PerUser = 8 })
	allowed := 0
	for range 100 {
		s := &Subscription{}
		if err := h.Admit(s, ann, ""); err == nil {
			allowed++
		}
		s.Close()
	}
	if allowed < 4*8 || allowed > 4*8+2*8 {
		t.Errorf("%d of 100 attempts in one moment were admitted, want 32", allowed)
	}
	if err := h.Admit(&Subscription{}, auth.Identity{Subject: "bob"}, ""); err != nil {
		t.Errorf("another user: %v", err)
	}
}
