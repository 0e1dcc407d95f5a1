package sse

import (
	"bytes"
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
	"headway/services/edge/internal/pace"
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
	// maxOutputEvent is the maximum number of output bytes in one event: one read of a slow reader, and the beginning of a
	// character from the read before. Small events show a slow reader's progress.
	maxOutputEvent = pace.Slow + utf8.UTFMax - 1
	// maxEncoded is the maximum size of an event if its text has many characters that JSON escapes.
	maxEncoded = 2 * pace.Slow
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
	s.output = &output{stream: s, jobID: job.ID, offset: offset, pace: pace.New(h.cfg.ReadBudget), catchingUp: offset < job.outputBytes, event: sockets.NewSlot()}
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
			return job, 0, rpcerr.Invalid("Last-Event-ID", "For an output stream, it must be a byte offset.")
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
	// pace determines the number of bytes that are read at a time.
	pace pace.Reader
	// catchingUp means that there can be stored output after offset. Otherwise, the output is followed as it grows.
	catchingUp bool
	// event is the next event, for the connection.
	event *sockets.Slot
}

// errPaused means that the reader accepts nothing for now.
var errPaused = errors.New("the reader is slower than the output")

// run sends the output from the offset on, even if the upstream is lost, until the job or the stream ends.
func (o *output) run(ctx context.Context) {
	var wait *backoff.Backoff // created at the first error, because it uses 5 KiB
	for ctx.Err() == nil {
		before := o.offset
		var err error
		if o.catchingUp {
			err = o.catchUp(ctx)
		} else {
			err = o.follow(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			wait = nil
			continue
		case errors.Is(err, errPaused):
			wait = nil
			o.pace.Reset()
			o.catchingUp = true
			select { // the event that is waiting for the reader
			case <-o.event.Taken():
			case <-ctx.Done():
			}
			continue
		case errors.Is(err, io.EOF):
			if o.end(ctx) {
				return
			}
			o.catchingUp = true
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
		if wait == nil {
			wait = backoff.New(firstWait, maxWait)
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

// catchUp reads stored output, and sends it. It reads all of it before it sends any, so that a slow reader keeps no
// call open. The budget limits the memory of all such calls together.
func (o *output) catchUp(ctx context.Context) error {
	most, err := o.pace.Request(ctx)
	if err != nil {
		return err
	}
	defer o.pace.Done()
	data, err := o.read(ctx, most)
	o.pace.Received()
	if err != nil {
		return err
	}
	o.catchingUp = int64(len(data)) == most
	return o.send(ctx, data)
}

// read returns up to most bytes of the stored output.
func (o *output) read(ctx context.Context, most int64) ([]byte, error) {
	cfg := &o.stream.handlers.cfg
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &jobsv1.ReadOutputRequest{JobId: o.jobID, Offset: o.offset + int64(len(o.held)), MaxBytes: uint32(most), StopAtEnd: true}
	stream, err := cfg.Outputs.ReadOutput(ctx, request, cfg.AsService)
	if err != nil {
		return nil, err
	}
	var all []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch data := m.GetData(); {
		case all == nil && int64(len(data)) == most:
			all = data
		case all == nil:
			all = append(make([]byte, 0, most), data...)
		default:
			all = append(all, data...)
		}
	}
}

// follow sends output as it is added. It returns nil when there can be more than it has read, and io.EOF when the job
// has ended and all its output has arrived.
func (o *output) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg := &o.stream.handlers.cfg
	from := o.offset + int64(len(o.held))
	stream, err := cfg.Outputs.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: o.jobID, Offset: from, MaxBytes: pace.Slow}, cfg.AsService)
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) && o.offset+int64(len(o.held)) == from+pace.Slow {
			o.catchingUp = true
			return nil
		}
		if err != nil {
			return err
		}
		if err := o.send(ctx, m.GetData()); err != nil {
			return err
		}
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
		n, err := o.sendPart(ctx, part)
		if err != nil {
			return err
		}
		data = data[n:]
	}
	if len(data) > 0 {
		o.held = bytes.Clone(data)
	}
	return nil
}

// sendPart sends data in one event, or as much of it as has room in one. It returns the number of sent bytes. If the
// connection has not taken the event in time, it also returns errPaused.
func (o *output) sendPart(ctx context.Context, data []byte) (int, error) {
	n := o.encode(data)
	o.stream.wake()
	timer := time.NewTimer(pace.Prompt)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return n, ctx.Err()
	case <-o.event.Taken():
		return n, nil
	case <-timer.C:
		return n, errPaused
	}
}

// scratch has buffers for encoding events.
var scratch = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// encode makes data the next event, or as much of it as has room in one, and returns the number of its bytes.
func (o *output) encode(data []byte) (n int) {
	text, event := scratch.Get().(*bytes.Buffer), scratch.Get().(*bytes.Buffer)
	defer func() {
		scratch.Put(text)
		scratch.Put(event)
	}()
	for n = len(data); ; n = wholeCharacters(data[:n/2]) {
		m := outputMessage{Type: "output", JobID: o.jobID, Offset: o.offset}
		if utf8.Valid(data[:n]) {
			m.Text = string(data[:n])
		} else {
			m.Data = data[:n]
		}
		text.Reset()
		e := json.NewEncoder(text)
		e.SetEscapeHTML(false)
		_ = e.Encode(m) // can't fail: it has only text and numbers
		if text.Len() <= maxEncoded {
			break
		}
	}
	o.offset += int64(n)
	event.Reset()
	event.Grow(text.Len() + 64)
	payload := sockets.NewPayload(appendEvent(event.AvailableBuffer(), strconv.FormatInt(o.offset, 10), 0, bytes.TrimSuffix(text.Bytes(), []byte("\n"))))
	o.event.Put(payload)
	return n
}

// end sends the held bytes, and the job's terminal state. It returns false if the job continues after all.
func (o *output) end(ctx context.Context) bool {
	job, err := o.stream.handlers.readOutputJob(ctx, o.jobID)
	if err != nil || !job.Terminal || job.outputBytes > o.offset+int64(len(o.held)) {
		return false
	}
	if len(o.held) > 0 {
		o.encode(o.held)
		o.held = nil
		o.stream.wake()
		select { // the stream's end drops an event that is still waiting
		case <-o.event.Taken():
		case <-ctx.Done():
			return true
		}
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
