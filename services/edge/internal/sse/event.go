package sse

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"headway/services/edge/internal/format"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/sockets"
)

const eventEnd = "\n\n"

// keepalive is a comment (WHATWG HTML §9.2.6). Browsers ignore it, and it prevents proxies from closing the connection.
var keepalive = sockets.NewPayload([]byte(":\n\n"))

// appendEvent appends an event. An empty id doesn't change the client's last event ID. A retry above 0 is the time that
// a browser waits before it reconnects. Without data, browsers don't dispatch an event.
func appendEvent(b []byte, id string, retry time.Duration, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	if retry > 0 {
		b = append(strconv.AppendInt(append(b, "retry: "...), retry.Milliseconds(), 10), '\n')
	}
	return append(append(append(b, "data: "...), data...), eventEnd...)
}

// jittered returns a random duration from half of d to one and a half, so that many clients do not act at the same moment.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d+1) }

// encoder encodes states as events in one format, with one kind of ID.
type encoder struct {
	format format.Format
	id     func(*hub.Snapshot) string
	forms  *forms
	// follower is the state of a stream of a declared route. It is nil for encoders that all streams share.
	follower *follower
}

// forms are the keys by which all streams in one format, with one kind of ID, share the encoded events of a snapshot.
type forms struct{ initial, update, growing struct{ _ byte } }

// event returns the event of a state, framed once for all streams that send it.
func (e *encoder) event(s *hub.Snapshot, first bool) (sockets.Payload, error) {
	form := &e.forms.update
	if first {
		form = &e.forms.initial
	}
	p, err := s.Encoded(form, func() (any, error) {
		if first {
			events, err := e.format.Initial(s)
			return e.framed(s, events), err
		}
		data, err := e.format.Update(s)
		return e.framed(s, [][]byte{data}), err
	})
	if err != nil {
		return sockets.Payload{}, err
	}
	return p.(sockets.Payload), nil
}

// framed returns events of a state, framed.
func (e *encoder) framed(s *hub.Snapshot, events [][]byte) sockets.Payload {
	size := 0
	for _, data := range events {
		size += len(data) + 48
	}
	b := make([]byte, 0, size)
	for i, data := range events {
		id := ""
		if i == len(events)-1 { // a client that is cut off before has not seen this state
			id = e.id(s)
		}
		b = appendEvent(b, id, 0, data)
	}
	return sockets.NewPayload(b)
}

// growing returns the data of all events of a state. All streams share it.
func (e *encoder) growing(s *hub.Snapshot, f format.Growing) ([][]byte, error) {
	events, err := s.Encoded(&e.forms.growing, func() (any, error) { return f.Events(s) })
	if err != nil {
		return nil, err
	}
	return events.([][]byte), nil
}

// position is the key by which streams that have sent equally many events of a state share the others, framed.
type position struct {
	forms *forms
	sent  int
}

// rest returns the events of a growing format after those that a stream has sent, framed once for all streams that have sent
// equally many.
func (e *encoder) rest(s *hub.Snapshot, events [][]byte, sent int) (sockets.Payload, error) {
	p, err := s.Encoded(position{e.forms, sent}, func() (any, error) { return e.framed(s, format.WithData(events[sent:])), nil })
	if err != nil {
		return sockets.Payload{}, err
	}
	return p.(sockets.Payload), nil
}

// The ID of an event identifies the stream and the client's position in it. A reconnect with an ID of another stream,
// or with any other text, is treated like a first connection. Otherwise, the client could miss the end of a job.

// revisionID returns the ID on streams of one job or import: the revision, an x, and a tag of the job.
func revisionID(s *hub.Snapshot) string {
	return strconv.FormatUint(uint64(s.Revision), 10) + "x" + tag(s)
}

// tagLength is the length of a tag, which is a number in base 36.
const tagLength = 5

// tag distinguishes a job from other jobs, and from a job with the same ID in another database.
func tag(s *hub.Snapshot) string {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, s.ID) // a hash accepts everything
	_, _ = io.WriteString(hash, strconv.FormatInt(s.Created, 36))
	text := strconv.FormatUint(uint64(hash.Sum32()%(36*36*36*36*36)), 36)
	return strings.Repeat("0", tagLength-len(text)) + text
}

// seenRevision returns the revision of this job or import that a client has seen, or 0 for none.
func seenRevision(s *hub.Snapshot, id string) uint32 {
	number, of, _ := strings.Cut(id, "x")
	revision, err := strconv.ParseUint(number, 10, 32)
	if err != nil || of != tag(s) {
		return 0
	}
	return uint32(revision)
}

// momentID returns the ID on streams of many jobs, which is the time of the state. After a reconnect, it shows which
// jobs have ended in the meantime.
func momentID(s *hub.Snapshot) string { return formatMoment(s.At) }

func formatMoment(ms int64) string { return "t" + strconv.FormatInt(ms, 36) }

// parseMoment reads a momentID. It returns the zero time for anything else.
func parseMoment(id string) time.Time {
	text, ok := strings.CutPrefix(id, "t")
	ms, err := strconv.ParseInt(text, 36, 64)
	if at := time.UnixMilli(ms); ok && err == nil && ms > 0 && at.Before(time.Now().Add(maxReplay)) {
		return at
	}
	return time.Time{}
}
