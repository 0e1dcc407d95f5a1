package sse

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/backoff"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/format"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/sockets"
)

// outputMessage is a part of a job's output. Text is set if the bytes are UTF-8, and Data (base64) otherwise. The
// event's ID is the offset after the part, in bytes, so a reconnect resumes where the last part ended.
type outputMessage struct {
	Type   string `json:"type"`
	JobID  string `json:"jobId"`
	Offset int64  `json:"offset"`
	Text   string `json:"text,omitempty"`
	Data   []byte `json:"data,omitempty"`
}

const (
	// maxOutputEvent is the maximum number of output bytes in one event. Small events show a slow reader's progress.
	maxOutputEvent = 8 << 10
	// holdUpstream is how long the upstream of a reader that accepts nothing stays open. After that, the reader uses
	// only memory for the received data, not for buffers of a connection.
	holdUpstream = 100 * time.Millisecond
	// slowRead is the number of output bytes that are read at a time for a slow reader, and initially for every reader.
	// With the encoded event, and gRPC's buffer of 16 KiB, a slow reader costs less than 64 KiB. For a reader that
	// accepts the output immediately, the number doubles with each call. Above fastRead, one call reads the rest.
	slowRead = 15 << 10
	fastRead = 1 << 20
)

// Output answers GET /api/v1/sse/jobs/{kind}/{job_id}/output. Nothing is skipped here: the upstream is read at the
// reader's pace. The job's terminal state comes last.
func (h *Handlers) Output(w http.ResponseWriter, r *http.Request) {
	as, s, ok := h.enter(w, r, h.headway.one, r.PathValue("job_id"), "job_id")
	if !ok {
		return
	}
	job, offset, err := h.outputStart(r, as)
	if err != nil {
		h.turnAway(w, r, s, err)
		return
	}
	if lastEventID(r) != "" && job.Terminal && offset == job.outputBytes {
		h.noMore(w, s)
		return
	}
	s.output = &output{stream: s, jobID: job.ID, offset: offset, most: slowRead, taken: make(chan struct{}, 1)}
	if r.Method == http.MethodHead || h.spawn(w, r, s, s.output.run) {
		h.serve(w, r, s, "", format.Opening{
			User: as.Subject, Topic: job.Topic, Message: "Connected to the output of job " + job.ID + ".", Keepalive: h.cfg.Keepalive,
		})
	}
}

// outputJob is a job with the size of its output.
type outputJob struct {
	*hub.Snapshot
	outputBytes int64
}

func (h *Handlers) readOutputJob(ctx context.Context, id string) (outputJob, error) {
	s, err := h.cfg.Hub.Read(ctx, hub.Topic{ID: id})
	if err != nil {
		return outputJob{}, err
	}
	var job jobsv1.Job
	if err := proto.Unmarshal(s.Raw, &job); err != nil {
		return outputJob{}, rpcerr.Internal(err)
	}
	return outputJob{s, job.GetOutputBytes()}, nil
}

// outputStart returns the job, and the offset to start at.
func (h *Handlers) outputStart(r *http.Request, as auth.Identity) (job outputJob, offset int64, err error) {
	if id := lastEventID(r); id != "" {
		if offset, err = strconv.ParseInt(id, 10, 64); err != nil || offset < 0 {
			return job, 0, rpcerr.Invalid("Last-Event-ID", "On a stream of output it is a byte offset.")
		}
	}
	if job, err = h.readOutputJob(r.Context(), r.PathValue("job_id")); err != nil {
		return job, 0, err
	}
	if !as.MaySee(job.Owner) || job.Kind != r.PathValue("kind") {
		return job, 0, hub.NotFound(job.Topic)
	}
	if offset > job.outputBytes && job.Terminal {
		return job, 0, rpcerr.Newf(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP,
			"The output ends at byte %d. Connect without Last-Event-ID to read it from the beginning.", job.outputBytes)
	}
	return job, offset, nil
}

// output feeds one stream with a job's output, one event at a time.
type output struct {
	stream *stream
	jobID  string
	// offset is the offset of the next event. held are bytes after it: the beginning of a character whose rest has not
	// arrived.
	offset int64
	held   []byte
	// most is the maximum number of bytes that are read at a time. 0 means no limit. paused is set if an event of the
	// current part had to wait for the reader.
	most   int64
	paused bool

	mu    sync.Mutex
	event sockets.Payload
	full  bool
	// taken receives a value when the connection has taken the event.
	taken chan struct{}
}

// take returns the next event, for the connection.
func (o *output) take() (sockets.Payload, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	event, full := o.event, o.full
	o.event, o.full = sockets.Payload{}, false
	if full {
		select {
		case o.taken <- struct{}{}:
		default:
		}
	}
	return event, full
}

// errPaused ends an upstream whose reader accepts nothing for now.
var errPaused = errors.New("the reader is slower than the output")

// errMore ends an upstream that has sent as much as was requested.
var errMore = errors.New("there can be more output")

// run sends the output from the offset on, even if the upstream is lost, until the job or the stream ends.
func (o *output) run(ctx context.Context) {
	var wait *backoff.Backoff // created at the first error, because it uses 5 KiB
	for ctx.Err() == nil {
		before := o.offset
		err := o.receive(ctx)
		if wait == nil && !errors.Is(err, errPaused) && !errors.Is(err, errMore) {
			wait = backoff.New(firstWait, maxWait)
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errPaused):
			wait = nil
			o.most = slowRead
			select { // the event that is waiting for the reader
			case <-o.taken:
			case <-ctx.Done():
			}
			continue
		case errors.Is(err, errMore):
			wait = nil
			o.adapt()
			continue
		case errors.Is(err, io.EOF):
			if o.end(ctx) {
				return
			}
		case status.Code(err) == codes.NotFound:
			o.stream.finish(appendEvent(nil, "", 0, o.stream.encoder.format.Deleted(o.jobID)), nil)
			return
		case status.Code(err) == codes.OutOfRange:
			o.stream.finish(o.gap(err), err)
			return
		case hub.Permanent(err):
			o.stream.finish(nil, err)
			return
		}
		if o.offset > before {
			wait.Reset()
		}
		wait.Wait(ctx)
	}
}

const (
	firstWait = 50 * time.Millisecond
	maxWait   = 2 * time.Second
)

// gap returns the event that reports that the client's offset is beyond the output. Its ID makes the client start
// again.
func (o *output) gap(cause error) []byte {
	h := o.stream.handlers
	err := rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP,
		"The output is shorter than the offset in Last-Event-ID. Read it from the beginning.", cause)
	return appendEvent(nil, "0", jittered(h.cfg.Retry), o.stream.encoder.format.End(err))
}

// receive sends the output from one upstream. It returns io.EOF when the job has ended and all its output has arrived.
func (o *output) receive(ctx context.Context) error {
	upstream, cancel := context.WithCancel(ctx)
	defer cancel()
	h := o.stream.handlers
	from := o.offset + int64(len(o.held))
	request := &jobsv1.ReadOutputRequest{JobId: o.jobID, Offset: from, MaxBytes: uint32(o.most)}
	o.paused = false
	stream, err := h.cfg.Outputs.ReadOutput(upstream, request, h.cfg.AsService)
	if err != nil {
		return err
	}
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) && o.most > 0 && o.offset+int64(len(o.held))-from == o.most {
			return errMore
		}
		if err != nil {
			return err
		}
		if err := o.send(ctx, msg.GetData()); err != nil {
			return err
		}
	}
}

// adapt sets the size of the next part, after a part was sent completely.
func (o *output) adapt() {
	switch {
	case o.paused:
		o.most = slowRead
	case o.most < fastRead:
		o.most *= 2
	default:
		o.most = 0
	}
}

// send sends data in events, and waits until the connection has taken them. If that takes too long, it returns
// errPaused, and the data after the last event is read again. A character that is split at the end of the data waits
// for its rest.
func (o *output) send(ctx context.Context, data []byte) error {
	if len(o.held) > 0 {
		data = append(o.held, data...)
		o.held = nil
	}
	for len(data) > 0 {
		part := data[:min(len(data), maxOutputEvent)]
		part = part[:wholeCharacters(part)]
		if len(part) == 0 {
			break
		}
		if err := o.sendPart(ctx, part); err != nil {
			return err
		}
		data = data[len(part):]
	}
	if len(data) > 0 {
		o.held = append([]byte(nil), data...)
	}
	return nil
}

func (o *output) sendPart(ctx context.Context, data []byte) error {
	m := outputMessage{Type: "output", JobID: o.jobID, Offset: o.offset}
	if utf8.Valid(data) {
		m.Text = string(data)
	} else {
		m.Data = data
	}
	text, err := json.Marshal(m)
	if err != nil { // can't fail: it has only text and numbers
		return err
	}
	o.offset += int64(len(data))
	event := sockets.NewPayload(appendEvent(make([]byte, 0, len(text)+48), strconv.FormatInt(o.offset, 10), 0, text))
	o.mu.Lock()
	o.event, o.full = event, true
	o.mu.Unlock()
	o.stream.wake()
	timer := time.NewTimer(holdUpstream)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-o.taken:
			return nil
		case <-timer.C:
			if o.paused = true; o.most != slowRead {
				return errPaused
			}
		}
	}
}

// end sends the held bytes, and the job's terminal state. It returns false if the job continues after all.
func (o *output) end(ctx context.Context) bool {
	job, err := o.stream.handlers.readOutputJob(ctx, o.jobID)
	if err != nil || !job.Terminal || job.outputBytes > o.offset+int64(len(o.held)) {
		return false
	}
	if len(o.held) > 0 {
		o.most = slowRead // the last part is not read again
		if err := o.sendPart(ctx, o.held); err != nil {
			return true
		}
		o.held = nil
	}
	data, err := o.stream.encoder.format.Update(job.Snapshot)
	if err != nil {
		o.stream.finish(nil, err)
		return true
	}
	o.stream.finish(appendEvent(nil, strconv.FormatInt(o.offset, 10), 0, data), nil)
	return true
}

// wholeCharacters returns the number of bytes that can be sent without splitting the last character.
func wholeCharacters(data []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(data); back++ {
		if at := len(data) - back; utf8.RuneStart(data[at]) {
			if !utf8.FullRune(data[at:]) {
				return at
			}
			break
		}
	}
	return len(data)
}
