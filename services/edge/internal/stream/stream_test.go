package stream

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func state(t *testing.T, id string, revision uint32, status jobsv1.JobStatus) *frame {
	t.Helper()
	f, err := encode(jobMessage(&jobsv1.Job{JobId: id, Kind: "k", Revision: revision, Status: status}), isTerminal(status))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const (
	active    = jobsv1.JobStatus_JOB_STATUS_ACTIVE
	queued    = jobsv1.JobStatus_JOB_STATUS_QUEUED
	completed = jobsv1.JobStatus_JOB_STATUS_COMPLETED
)

// drained gives what a mailbox sends, as "job revision type".
func drained(t *testing.T, m *mailbox) []string {
	t.Helper()
	var out []string
	for m.waiting() {
		event := string(m.next(nil))
		var data struct {
			Type, JobID string
			Revision    json.Number
		}
		if err := json.Unmarshal([]byte(event[strings.Index(event, "data: ")+6:]), &data); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimSpace(data.JobID+" "+data.Revision.String()+" "+data.Type))
	}
	return out
}

func wantEvents(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMailboxKeepsTheNewestOfEachJobInTheOrderOfTheirComing(t *testing.T) {
	m := newMailbox()
	m.put(state(t, "a", 1, active))
	m.put(state(t, "b", 1, active))
	if skipped := m.put(state(t, "a", 2, active)); !skipped {
		t.Error("a replaced state does not count as skipped")
	}
	m.put(state(t, "a", 1, active)) // late: nobody wants it any more
	wantEvents(t, drained(t, m), "a 2 initial_status", "b 1 initial_status")
	m.put(state(t, "a", 2, active)) // told already
	m.put(state(t, "a", 3, active))
	wantEvents(t, drained(t, m), "a 3 job_update")
}

func TestMailboxNeverDropsAnEnd(t *testing.T) {
	m := newMailbox()
	m.put(state(t, "a", 1, active))
	m.put(state(t, "a", 2, completed))
	m.put(state(t, "a", 3, queued)) // retried before the end was sent
	m.put(state(t, "a", 4, active))
	wantEvents(t, drained(t, m), "a 2 initial_status", "a 4 job_update")
	m.put(state(t, "a", 5, completed))
	wantEvents(t, drained(t, m), "a 5 job_update")
	m.put(state(t, "a", 5, completed)) // heard of twice
	wantEvents(t, drained(t, m))
}

func TestMailboxRemembersABoundedNumberOfEndedJobs(t *testing.T) {
	m := newMailbox()
	for i := range 3 * rememberEnded {
		m.put(state(t, strings.Repeat("x", i+1), 1, completed))
		drained(t, m)
	}
	if len(m.told) > rememberEnded+1 || len(m.ended) > rememberEnded+1 {
		t.Errorf("remembers %d and %d jobs", len(m.told), len(m.ended))
	}
}

func TestStreamOfOneJobEndsWithTheEndThatCameFirst(t *testing.T) {
	w := &watcher{hub: New(Config{}), wake: make(chan struct{}, 1)}
	w.offer(state(t, "a", 2, completed))
	w.offer(state(t, "a", 3, queued)) // retried before the end was sent
	w.start(nil, 1, false)
	p, _ := w.next()
	if !strings.HasPrefix(string(p.bytes), "id: 2\n") {
		t.Errorf("got %q, want the end", p.bytes)
	}
	w.offer(state(t, "a", 4, active))
	if p, ok := w.next(); !ok || len(p.bytes) != 0 || !p.last {
		t.Errorf("got %q behind the end", p.bytes)
	}
}

func TestStreamIsNotSentBack(t *testing.T) {
	w := &watcher{hub: New(Config{}), wake: make(chan struct{}, 1)}
	w.offer(state(t, "a", 3, active)) // while the snapshot was read
	w.start([]byte("head"), 4, false)
	w.offer(state(t, "a", 4, active))
	if p, _ := w.next(); string(p.bytes) != "head" {
		t.Errorf("got %q", p.bytes)
	}
	if p, ok := w.next(); ok {
		t.Errorf("got %q behind revision 4", p.bytes)
	}
}

func TestFrameIsOneChunkWhoseEventIsWhole(t *testing.T) {
	f := state(t, "a", 42, active)
	if got := string(appendChunk(nil, f.update())); got != string(f.chunk) {
		t.Errorf("chunk %q, want %q", f.chunk, got)
	}
	if got := string(f.appendEvent(nil, f.revisionID(), false)); got != string(f.update()) {
		t.Errorf("event %q, want %q", got, f.update())
	}
	if initial := string(f.appendEvent(nil, "7", true)); !strings.HasPrefix(initial, "id: 7\ndata: {\"type\":\"initial_status\",\"jobId\":\"a\"") {
		t.Errorf("initial %q", initial)
	}
	now := time.UnixMilli(1_789_000_123_456)
	f.at = now.UnixMilli()
	if got := parseMoment(f.momentID()); !got.Equal(now) {
		t.Errorf("moment %q reads as %v", f.momentID(), got)
	}
	if !parseMoment("-1").IsZero() || !parseMoment("?").IsZero() || !parseMoment("").IsZero() {
		t.Error("nonsense reads as a moment")
	}
}

func TestCharactersAreNotCutInTwo(t *testing.T) {
	for text, whole := range map[string]int{
		"": 0, "abc": 3, "ä": 2, "a\xc3": 1, "\xe2\x82": 0, "a\xe2\x82": 1, "€": 3, "\xf0\x9f\x98": 0, "😀": 4,
		"\xff": 1, "a\x80": 2, "\x80\x80\x80\x80": 4, // not text at all
	} {
		if got := wholeCharacters([]byte(text)); got != whole {
			t.Errorf("%q: %d, want %d", text, got, whole)
		}
	}
}

func TestWheelComesByForKeepaliveReauthAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Keepalive: 15 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		h.wheel.clock.Store(time.Now().Unix())
		go h.wheel.run(ctx, func(int64) {})
		w := &watcher{hub: h, wake: make(chan struct{}, 1), lastWrite: h.wheel.now()}
		w.expires, w.reauth = tokenTimes(time.Now().Add(10*time.Minute), time.Now())
		w.start(nil, 0, false)
		h.wheel.add(w)

		var told []string
		begun := time.Now()
		for !w.ended {
			<-w.wake
			p, ok := w.next()
			switch text := string(p.bytes); {
			case text == string(keepalive):
				told = append(told, "keepalive")
			case strings.Contains(text, `"reauth"`):
				told = append(told, "reauth")
				if left := 10*time.Minute - time.Since(begun); left > 61*time.Second || left < 59*time.Second {
					t.Errorf("reauth %v before the end", left)
				}
			}
			for ok {
				_, ok = w.next()
			}
		}
		if took := time.Since(begun); took < 10*time.Minute || took > 10*time.Minute+2*time.Second {
			t.Errorf("ended after %v", took)
		}
		keepalives := strings.Count(strings.Join(told, " "), "keepalive")
		if keepalives < 600/15 || keepalives > 600/13 || strings.Count(strings.Join(told, " "), "reauth") != 1 {
			t.Errorf("told %v", told)
		}
		cancel()
	})
}

func TestAllWhoWatchAJobGetTheSameBytes(t *testing.T) {
	h := New(Config{})
	h.publishJob(&jobsv1.Job{JobId: "a", Kind: "k", Owner: "ann", Revision: 1, Status: active}, 1)
	topic := h.jobs["a"]
	one, two := &watcher{hub: h, fd: -1}, &watcher{hub: h, fd: -1}
	topic.watchers = []*watcher{one, two}
	one.start([]byte("head"), 1, false)
	two.start([]byte("head"), 1, false)
	h.publishJob(&jobsv1.Job{JobId: "a", Kind: "k", Owner: "ann", Revision: 2, Status: active}, 1)
	if one.slot == nil || one.slot != two.slot {
		t.Errorf("two frames of one state: %p and %p", one.slot, two.slot)
	}
}

func TestWhatThePeerHadNoRoomForGoesOutFirstAndTheNewestBehindIt(t *testing.T) {
	w := &watcher{hub: New(Config{}), fd: -1}
	w.start([]byte("head"), 1, false)
	p, _ := w.next()
	if again := w.stall(p.bytes[2:]); again {
		t.Error("there is no room, and it is to be tried again")
	}
	w.offer(state(t, "a", 2, active))
	w.offer(state(t, "a", 3, active))
	w.makeRoom()
	if queue := w.hub.writers.queue; len(queue) != 2 || queue[1] != w { // the first is of the start
		t.Fatalf("a writer is called %d times, want once more", len(queue)-1)
	}
	if p, _ := w.next(); string(p.bytes) != "ad" || !p.resumed {
		t.Errorf("got %q, want the rest", p.bytes)
	}
	if p, _ := w.next(); p.bytes == nil || !strings.Contains(string(p.bytes), "id: 3\n") {
		t.Errorf("got %q, want the newest", p.bytes)
	}
	if p, ok := w.next(); ok {
		t.Errorf("got %q behind the newest", p.bytes)
	}
}

func TestRoomThatIsMadeDuringAWriteIsNotMissed(t *testing.T) {
	w := &watcher{hub: New(Config{}), fd: -1}
	w.start([]byte("head"), 1, false)
	p, _ := w.next()
	w.makeRoom() // between the write and its coming to nothing
	if again := w.stall(p.bytes[2:]); !again {
		t.Error("the stream waits for room that was made already")
	}
}

func TestWritersShareALongLineAndLoseNobody(t *testing.T) {
	ws := newWriters()
	line := make([]*watcher, 10*batch+7)
	for i := range line {
		line[i] = &watcher{}
	}
	ws.push(line...)
	taken := map[*watcher]bool{}
	for len(taken) < len(line) {
		mine := ws.take(make([]*watcher, 0, batch))
		if len(mine) > batch {
			t.Fatalf("took %d at a time", len(mine))
		}
		for _, w := range mine {
			taken[w] = true
		}
	}
	if len(ws.queue) != 0 || ws.taken != 0 {
		t.Errorf("%d left in line", len(ws.queue)-ws.taken)
	}
	ws.stop()
	if mine := ws.take(make([]*watcher, 0, batch)); mine != nil {
		t.Errorf("took %d behind the end", len(mine))
	}
}
