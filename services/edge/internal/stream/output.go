package stream

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// outputMessage is a piece of a job's output. Text is set where the bytes are UTF-8, Data (base64) otherwise. The
// event's id is the offset behind the piece, in bytes, so a reconnect goes on where the last piece ended.
type outputMessage struct {
	Type   string `json:"type"`
	JobID  string `json:"jobId"`
	Offset int64  `json:"offset"`
	Text   string `json:"text,omitempty"`
	Data   []byte `json:"data,omitempty"`
}

// ServeOutput answers GET /api/v1/sse/jobs/{kind}/{job_id}/output: nothing is skipped here, the reader's pace is the
// pace of the upstream. The job's terminal state comes last.
func (h *Hub) ServeOutput(rw http.ResponseWriter, r *http.Request) {
	as, w, ok := h.enter(rw, r)
	if !ok {
		return
	}
	job, offset, err := h.outputStart(r, as)
	if err != nil {
		h.turnAway(rw, r, w, err)
		return
	}
	if lastEventID(r) != "" && isTerminal(job.GetStatus()) && offset >= job.GetOutputBytes() {
		w.close(nil)
		noMore(rw)
		return
	}
	h.enforceLimit(as.Subject)
	setHeaders(rw.Header())
	w.flushed = make(chan struct{}, 1)
	lane := &outputLane{hub: h, w: w, jobID: job.GetJobId(), offset: offset}
	ctx, cancel := context.WithCancel(h.ctx)
	w.onClose = cancel
	if !h.spawn(func() { defer cancel(); lane.run(ctx) }) {
		cancel()
		w.close(errDrained)
		refuse(rw, r, errUnavailable(errDrained), h.cfg.Retry)
		return
	}
	h.open(rw, r, w, [][]byte{
		connectedEvent(as.Subject, job.GetJobId(), "Connected to the output of job "+job.GetJobId()+".", h.cfg.Keepalive, jittered(h.cfg.Retry)),
	}, 0, false)
}

// outputStart finds the job, and where to begin.
func (h *Hub) outputStart(r *http.Request, as auth.Identity) (*jobsv1.Job, int64, error) {
	var offset int64
	if id := lastEventID(r); id != "" {
		var err error
		if offset, err = strconv.ParseInt(id, 10, 64); err != nil || offset < 0 {
			return nil, 0, rpcerr.Invalid("Last-Event-ID", "On a stream of output it is a byte offset.")
		}
	}
	job, err := h.readJob(r.Context(), r.PathValue("job_id"))
	if err != nil {
		return nil, 0, err
	}
	if !as.MaySee(job.GetOwner()) || job.GetKind() != r.PathValue("kind") {
		return nil, 0, errNotFound(false)
	}
	if offset > job.GetOutputBytes() && isTerminal(job.GetStatus()) {
		return nil, 0, rpcerr.Newf(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP,
			"The output ends at byte %d; connect without Last-Event-ID to read it from the beginning.", job.GetOutputBytes())
	}
	return job, offset, nil
}

func (h *Hub) readJob(ctx context.Context, id string) (*jobsv1.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	resp, err := h.cfg.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id}, h.cfg.AsService, grpc.WaitForReady(true))
	if err != nil {
		return nil, fetchError(&topic{id: id}, err)
	}
	return resp.GetJob(), nil
}

// outputLane carries one job's output to one stream.
type outputLane struct {
	hub   *Hub
	w     *watcher
	jobID string
	// offset is where the next piece begins; held are bytes before it that begin a character and wait for its rest.
	offset int64
	held   []byte
}

// run sends the output from the offset on, over losses of the upstream, until the job or the stream ends.
func (l *outputLane) run(ctx context.Context) {
	var wait backoff
	for ctx.Err() == nil {
		before := l.offset
		err := l.receive(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF):
			if l.end(ctx) {
				return
			}
		case status.Code(err) == codes.NotFound:
			l.w.finish(deletedEvent(l.jobID), nil)
			return
		case permanent(err) || status.Code(err) == codes.OutOfRange:
			l.w.finish(nil, err)
			return
		}
		if l.offset > before {
			wait.reset()
		}
		wait.wait(ctx)
	}
}

// receive sends what one upstream gives; io.EOF when the job has ended and all of it came.
func (l *outputLane) receive(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := l.hub.cfg.Jobs.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: l.jobID, Offset: l.offset + int64(len(l.held))}, l.hub.cfg.AsService)
	if err != nil {
		return err
	}
	for {
		msg, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := l.send(ctx, msg.GetData()); err != nil {
			return err
		}
	}
}

// send sends a piece, and waits until the peer has taken it. A character cut at the piece's end waits for its rest.
func (l *outputLane) send(ctx context.Context, data []byte) error {
	data = append(l.held, data...)
	whole := wholeCharacters(data)
	if err := l.sendPiece(ctx, data[:whole]); err != nil {
		return err
	}
	l.held = append([]byte(nil), data[whole:]...)
	return nil
}

func (l *outputLane) sendPiece(ctx context.Context, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	m := outputMessage{Type: "output", JobID: l.jobID, Offset: l.offset}
	if utf8.Valid(data) {
		m.Text = string(data)
	} else {
		m.Data = data
	}
	text, err := json.Marshal(m)
	if err != nil { // text and numbers only: it cannot fail
		return err
	}
	l.offset += int64(len(data))
	event := strconv.AppendInt([]byte("id: "), l.offset, 10)
	event = append(append(append(event, "\ndata: "...), text...), eventEnd...)
	return l.w.tellAndWait(ctx, event)
}

// end sends what is held back, and the job's terminal state; false if the job goes on after all.
func (l *outputLane) end(ctx context.Context) bool {
	job, err := l.hub.readJob(ctx, l.jobID)
	if err != nil {
		return false
	}
	if !isTerminal(job.GetStatus()) || job.GetOutputBytes() > l.offset+int64(len(l.held)) {
		return false
	}
	if err := l.sendPiece(ctx, l.held); err != nil {
		return true
	}
	l.held = nil
	f, err := encode(jobMessage(job), true)
	if err != nil {
		l.w.finish(nil, err)
		return true
	}
	l.w.finish(f.appendEvent(nil, strconv.FormatInt(l.offset, 10), false), nil)
	return true
}

// wholeCharacters is how much of the data can be sent without cutting its last character in two.
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
