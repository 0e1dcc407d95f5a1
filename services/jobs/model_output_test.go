package jobs

import (
	"bytes"
	"errors"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/outputlog"
)

// letter is the byte of a job's output at an offset.
func (j *modelJob) letter(at int) byte { return byte(at>>8 + at%253 + j.created) }

// letters are the bytes of a job's output.
func (j *modelJob) letters(from, to int) []byte {
	data := make([]byte, to-from)
	for i := range data {
		data[i] = j.letter(from + i)
	}
	return data
}

// append appends output: at the end, over stored bytes, or at an offset where it must be refused.
func (p *play) append() {
	j := p.pick(job.Active)
	if j == nil {
		return
	}
	from := j.output
	switch p.random.IntN(4) {
	case 0:
		from = p.random.IntN(j.output + 1)
	case 1:
		_, err := p.d.Output.Append(p.t.Context(), j.id, j.token, int64(j.output+1), []byte("x"))
		if gap := (*job.OutputGapError)(nil); !errors.As(err, &gap) || gap.End != int64(j.output) {
			p.t.Fatalf("an append that leaves a gap gives %v", err)
		}
		if j.output > 0 {
			_, err := p.d.Output.Append(p.t.Context(), j.id, j.token, int64(from-1), []byte{j.letter(from-1) + 1})
			p.refused(err, job.ErrOutputConflict)
		}
	}
	for range 1 + p.random.IntN(4) {
		p.appendFrom(j, from)
		from = j.output
	}
}

func (p *play) appendFrom(j *modelJob, from int) {
	to := from + p.random.IntN(150_000)
	n, err := p.d.Output.Append(p.t.Context(), j.id, j.token, int64(from), j.letters(from, to))
	if full := (*job.OutputTooLargeError)(nil); int64(to) > int64(testConfig.MaxOutputBytes) {
		if !errors.As(err, &full) || full.End != int64(j.output) {
			p.t.Fatalf("an append beyond the limit gives %v", err)
		}
		return
	}
	j.heard = true
	j.output = max(j.output, to)
	if err != nil || n != int64(j.output) {
		p.t.Fatalf("append %d to %d: %d, %v; want %d", from, to, n, err, j.output)
	}
}

// sealed returns the number of bytes of a job's output in blobs.
func (p *play) sealed(j *modelJob) int64 {
	tail, err := p.d.store.Tail(p.t.Context(), j.id)
	p.must(job.Job{}, err)
	return tail.Begins
}

// read reads a job's output from a random offset on.
func (p *play) read() {
	if j := p.pick(); j != nil {
		p.readFrom(j, p.random.IntN(j.output+1))
	}
}

func (p *play) readFrom(j *modelJob, from int) {
	r := p.d.Output.Read(p.t.Context(), j.id, int64(from), outputlog.NoLimit)
	defer r.Close()
	for at := from; ; {
		data, err := r.Next()
		if err != nil {
			p.t.Fatalf("read byte %d: %v", at, err)
		}
		if len(data) == 0 {
			if at != j.output {
				p.t.Fatalf("the output ends at byte %d, want %d", at, j.output)
			}
			return
		}
		if !bytes.Equal(data, j.letters(at, at+len(data))) {
			p.t.Fatalf("%d bytes at %d are not those that were appended", len(data), at)
		}
		at += len(data)
	}
}
