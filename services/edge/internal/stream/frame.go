package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	edgev1 "headway/gen/go/headway/edge/v1"
	"headway/services/edge/internal/webjson"
)

// A frame is one state of a job or import, encoded once and shared by all who watch it. It is never changed.
type frame struct {
	// chunk is the event of a stream of one job, framed as a chunk of HTTP/1.1 (RFC 9112 §7.1).
	chunk []byte
	// event and data are where the event and its JSON begin in chunk.
	event, data int
	// jobID is what the state is about.
	jobID    string
	revision uint32
	terminal bool
	// at is when the state came to be, in milliseconds since 1970: the id on streams of many jobs.
	at int64
}

const (
	chunkEnd = "\r\n"
	eventEnd = "\n\n"
	// lastChunk ends a body, so that a reader can tell an end from a cut.
	lastChunk = "0\r\n\r\n"

	updatePrefix  = `{"type":"job_update",`
	initialPrefix = `{"type":"initial_status",`
)

// keepalive is a comment (WHATWG HTML §9.2.6): it says nothing to the page, and keeps proxies from giving up.
var (
	keepalive      = []byte(":\n\n")
	keepaliveChunk = appendChunk(nil, keepalive)
)

// encode makes the frame of a message, whose type must be JOB_UPDATE.
func encode(m *edgev1.StreamMessage, terminal bool) (*frame, error) {
	json, err := webjson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode job %s at revision %d: %w", m.GetJobId(), m.GetRevision(), err)
	}
	id := strconv.AppendUint([]byte("id: "), uint64(m.GetRevision()), 10)
	id = append(id, "\ndata: "...)
	size := strconv.FormatInt(int64(len(id)+len(json)+len(eventEnd)), 16)
	f := &frame{
		event: len(size) + len(chunkEnd), jobID: m.GetJobId(), revision: m.GetRevision(), terminal: terminal,
		at: m.GetTimestamp().AsTime().UnixMilli(),
	}
	f.data = f.event + len(id)
	f.chunk = make([]byte, 0, f.data+len(json)+len(eventEnd)+len(chunkEnd))
	f.chunk = append(append(f.chunk, size...), chunkEnd...)
	f.chunk = append(append(f.chunk, id...), json...)
	f.chunk = append(append(f.chunk, eventEnd...), chunkEnd...)
	return f, nil
}

// update is the event as streams of one job send it.
func (f *frame) update() []byte { return f.chunk[f.event : len(f.chunk)-len(chunkEnd)] }

// json is the message as a job_update.
func (f *frame) json() []byte { return f.chunk[f.data : len(f.chunk)-len(chunkEnd)-len(eventEnd)] }

// appendEvent appends the event with an id and type of its own.
func (f *frame) appendEvent(b []byte, id string, initial bool) []byte {
	b = append(append(append(b, "id: "...), id...), "\ndata: "...)
	json := f.json()
	if rest, ok := bytes.CutPrefix(json, []byte(updatePrefix)); ok && initial {
		b, json = append(b, initialPrefix...), rest
	}
	return append(append(b, json...), eventEnd...)
}

// revisionID is the id on streams of one job.
func (f *frame) revisionID() string { return strconv.FormatUint(uint64(f.revision), 10) }

// momentID is the id on streams of many jobs: when the state came to be. A reconnect learns by it which jobs ended in
// between.
func (f *frame) momentID() string { return momentID(f.at) }

func momentID(ms int64) string { return strconv.FormatInt(ms, 36) }

// parseMoment reads a momentID; the zero time if it is none.
func parseMoment(id string) time.Time {
	ms, err := strconv.ParseInt(id, 36, 64)
	if err != nil || ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// appendChunk frames an event for HTTP/1.1.
func appendChunk(b, event []byte) []byte {
	b = strconv.AppendInt(b, int64(len(event)), 16)
	return append(append(append(b, chunkEnd...), event...), chunkEnd...)
}

// controlEvent is a message about the stream itself. It has no id, so it does not change where a reconnect resumes,
// unless its sender gives it one.
// retry, unless 0, tells a browser how long to wait before it connects again.
func controlEvent(m *edgev1.StreamMessage, retry time.Duration) []byte {
	json, err := webjson.Marshal(m)
	if err != nil { // made of constants and ids only: it cannot fail
		return nil
	}
	json = bytes.Replace(json, []byte(`,"steps":[]`), nil, 1)
	var b []byte
	if retry > 0 {
		b = append(strconv.AppendInt(append(b, "retry: "...), retry.Milliseconds(), 10), '\n')
	}
	return append(append(append(b, "data: "...), json...), eventEnd...)
}

func connectedEvent(user, jobID, message string, keepalive, retry time.Duration) []byte {
	m := &edgev1.StreamMessage{
		Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_CONNECTED, Message: &message,
		KeepaliveSeconds: proto.Float64(keepalive.Seconds()), User: optional(user),
	}
	if jobID != "" {
		m.JobId = &jobID
	}
	return controlEvent(m, retry)
}

func reauthEvent() []byte {
	return controlEvent(&edgev1.StreamMessage{
		Type:    edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_REAUTH,
		Message: proto.String("The token is about to expire: get a fresh one and connect again."),
	}, 0)
}

func drainingEvent(message string, retry time.Duration) []byte {
	return controlEvent(&edgev1.StreamMessage{
		Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_DRAINING, Message: &message,
	}, retry)
}

func limitEvent(message string, retry time.Duration) []byte {
	return controlEvent(&edgev1.StreamMessage{
		Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_LIMIT, Message: &message, Reason: proto.String("STREAM_LIMIT"),
	}, retry)
}

func deletedEvent(jobID string) []byte {
	return controlEvent(&edgev1.StreamMessage{
		Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_JOB_DELETED, JobId: &jobID,
		Message: proto.String("The job was deleted."),
	}, 0)
}

// jittered spreads what many clients would otherwise do in the same moment: between half of d and one and a half.
func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d+1)
}
