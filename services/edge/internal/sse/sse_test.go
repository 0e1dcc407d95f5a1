package sse

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/edge/internal/format"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/sockets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func snapshot(t *testing.T, id string, revision uint32) *hub.Snapshot {
	t.Helper()
	at := time.UnixMilli(1_789_000_123_456)
	raw, err := proto.Marshal(&jobsv1.Job{JobId: id, Kind: "k", Revision: revision, UpdatedAt: timestamppb.New(at)})
	if err != nil {
		t.Fatal(err)
	}
	return &hub.Snapshot{Topic: hub.Topic{ID: id}, Kind: "k", Revision: revision, At: at.UnixMilli(), Raw: raw}
}

func newHandlers(t *testing.T) *Handlers {
	t.Helper()
	return New(Config{
		Hub: hub.New(hub.Config{}), Loop: sockets.New(sockets.Config{WriteTimeout: time.Second}),
		Keepalive: 15 * time.Second, Retry: 3 * time.Second,
	})
}

// TestStreamIsSmall checks that the single allocation of a stream stays in its size class.
func TestStreamIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(stream{}); size > 288 {
		t.Errorf("a stream has %d bytes, want 288 at most", size)
	}
}

func TestAllStreamsShareOneEvent(t *testing.T) {
	h := newHandlers(t)
	s := snapshot(t, "a", 42)
	first, err := h.headway.one.event(s, false)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := h.headway.one.event(s, false)
	if &first.Bytes()[0] != &again.Bytes()[0] {
		t.Error("one state was encoded twice")
	}
	if got := string(first.Bytes()); !strings.HasPrefix(got, "id: "+revisionID(s)+"\ndata: {\"type\":\"job_update\",\"jobId\":\"a\"") || !strings.HasSuffix(got, "}\n\n") {
		t.Errorf("update %q", got)
	}
	initial, _ := h.headway.one.event(s, true)
	if got := string(initial.Bytes()); !strings.HasPrefix(got, "id: "+revisionID(s)+"\ndata: {\"type\":\"initial_status\",\"jobId\":\"a\"") {
		t.Errorf("initial %q", got)
	}
	mine, _ := h.headway.mine.event(s, false)
	id, _, _ := strings.Cut(strings.TrimPrefix(string(mine.Bytes()), "id: "), "\n")
	if parseMoment(id).UnixMilli() != s.At {
		t.Errorf("moment %q reads as %v", id, parseMoment(id))
	}
}

// TestStreamsOfDeclaredRoutesShareEvents checks each format, on the streams of a route and on those that are named.
func TestStreamsOfDeclaredRoutesShareEvents(t *testing.T) {
	h := newHandlers(t)
	for _, f := range []format.Format{format.Headway, format.JobStatus, format.ProgressUpdate} {
		v := h.View(f)
		s := snapshot(t, "a", 42)
		for _, e := range []encoder{*v.one, {format: f, id: namedID, forms: v.named}} {
			for _, first := range []bool{true, false} {
				one, err := e.event(s, first)
				if err != nil {
					t.Fatal(err)
				}
				of := e
				of.follower = &follower{} // of another stream
				if other, err := of.event(s, first); err != nil || &one.Bytes()[0] != &other.Bytes()[0] {
					t.Errorf("%T: one state was encoded twice (%v)", f, err)
				}
			}
		}
	}
	growing := format.StepNames(nil)
	v := h.View(growing)
	s := snapshot(t, "a", 42)
	events := [][]byte{[]byte("FIRST"), nil, []byte("SECOND")}
	e := encoder{format: growing, id: namedID, forms: v.named}
	for sent, want := range []string{"data: FIRST\n\nid: " + namedID(s) + "\ndata: SECOND\n\n", "id: " + namedID(s) + "\ndata: SECOND\n\n"} {
		one, err := e.rest(s, events, sent)
		if err != nil {
			t.Fatal(err)
		}
		other, err := e.rest(s, events, sent)
		if err != nil || &one.Bytes()[0] != &other.Bytes()[0] || string(one.Bytes()) != want {
			t.Errorf("after %d events, the streams get %q and %q (%v)", sent, one.Bytes(), other.Bytes(), err)
		}
	}
}

func TestIdsBelongToOneJob(t *testing.T) {
	s := snapshot(t, "a", 42)
	if id := revisionID(s); seenRevision(s, id) != 42 || len(id) != 8 {
		t.Errorf("id %q is of revision %d", id, seenRevision(s, id))
	}
	restored := snapshot(t, "a", 42)
	restored.Created = 1
	for _, id := range []string{revisionID(snapshot(t, "b", 42)), revisionID(restored), "42", "42x", "x", "", "-1x" + tag(s), strings.Repeat("9", 30) + "x" + tag(s)} {
		if got := seenRevision(s, id); got != 0 {
			t.Errorf("id %q is of revision %d", id, got)
		}
	}
}

func TestOtherTextsAreNotMoments(t *testing.T) {
	for _, id := range []string{"-1", "?", "", "0", "t", "t-1", "2", "31", "tzzzzzzzzzzzzzz", "tzzzzzzzz"} {
		if at := parseMoment(id); !at.IsZero() {
			t.Errorf("%q reads as %v", id, at)
		}
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

// next returns the text of a stream's next message.
func next(s *stream) (text string, last bool) {
	m, ok := s.Next()
	if !ok {
		return "", false
	}
	return string(m.Bytes()), m.Last
}

func TestClockSendsKeepaliveReauthAndEnd(t *testing.T) {
	h := newHandlers(t)
	s := &stream{handlers: h, encoder: h.headway.one, greeted: true}
	s.setToken(auth.Identity{ExpiresAt: time.Now().Add(10*time.Minute + 500*time.Millisecond)})
	sent := map[string]int{}
	for now, due := int64(1), int64(1); ; now++ {
		if now < due {
			continue
		}
		due = s.Tick(now)
		text, last := next(s)
		switch {
		case last:
			if now != 600 || s.own.cause == nil {
				t.Errorf("ended after %d s with %v", now, s.own.cause)
			}
			if sent["keepalive"] < 600/15 || sent["keepalive"] > 600/13 || sent["reauth"] != 1 {
				t.Errorf("sent %v", sent)
			}
			return
		case text == ":\n\n":
			sent["keepalive"]++
		case strings.Contains(text, `"reauth"`):
			if sent["reauth"]++; now != 540 {
				t.Errorf("reauth after %d s", now)
			}
		}
	}
}

// TestStreamTellsItsTokensEndAfterAPause has a clock that was not heard until the token had expired.
func TestStreamTellsItsTokensEndAfterAPause(t *testing.T) {
	h := newHandlers(t)
	s := &stream{handlers: h, encoder: h.headway.one, greeted: true}
	s.setToken(auth.Identity{ExpiresAt: time.Now().Add(10*time.Minute + 500*time.Millisecond)})
	s.Tick(1)
	s.Tick(900)
	if text, last := next(s); !strings.Contains(text, `"reauth"`) || !last {
		t.Errorf("the stream ends with %q, %v", text, last)
	}
}

func TestControlMessagesHaveSetFieldsOnly(t *testing.T) {
	opening := format.Opening{User: "ann", Topic: hub.Topic{ID: "j1"}, Message: "Hello.", Keepalive: 15 * time.Second}
	for got, want := range map[string]string{
		string(format.Headway.Begin(opening)):           `{"type":"connected","jobId":"j1","message":"Hello.","keepaliveSeconds":15,"user":"ann"}`,
		string(format.Headway.Deleted("j1")):            `{"type":"job_deleted","jobId":"j1","message":"The job was deleted."}`,
		string(format.Headway.End(hub.ErrEnded)):        "",
		string(format.Headway.End(nil)):                 "",
		string(format.Headway.End(sockets.ErrPeerGone)): "",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAbandonedStreamStopsWaiting(t *testing.T) {
	h := &Handlers{failures: make(map[startKey]failure)}
	s := &stream{handlers: h, encoder: &encoder{follower: &follower{latest: true}}}
	h.await(s)
	s.abandon() // as for HEAD
	if len(h.waiting) != 0 {
		t.Errorf("%d streams wait", len(h.waiting))
	}
}

// TestOutputEventsAreSmallWhateverTheText has text that JSON writes with six bytes a character.
func TestOutputEventsAreSmallWhateverTheText(t *testing.T) {
	for name, data := range map[string]string{"control": strings.Repeat("\x01", maxOutputEvent), "split": strings.Repeat("\x01\u00e4", maxOutputEvent/3), "html": strings.Repeat("<", maxOutputEvent)} {
		o := &output{jobID: "a", event: sockets.NewSlot()}
		for text := []byte(data); len(text) > 0; {
			n := o.encode(text)
			event, _ := o.event.Take()
			if size := len(event.Bytes()); size > maxEncoded+100 {
				t.Errorf("%s: an event of %d bytes for %d", name, size, n)
			}
			if strings.Contains(string(event.Bytes()), `"data":`) {
				t.Errorf("%s: a character was split", name)
			}
			text = text[n:]
		}
		if o.offset != int64(len(data)) {
			t.Errorf("%s: sent %d of %d bytes", name, o.offset, len(data))
		}
	}
}
