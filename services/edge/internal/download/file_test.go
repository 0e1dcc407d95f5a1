package download

import (
	"context"
	"io"
	"runtime"
	"testing"
	"weak"

	"headway/services/edge/internal/pace"
)

// TestWaitingBytesKeepNoOthers reads large parts. A few of their bytes can wait for a slow reader, but the parts must not.
func TestWaitingBytesKeepNoOthers(t *testing.T) {
	var part weak.Pointer[byte]
	var size int64
	f := &File{Size: pace.Fast, Budget: pace.NewBudget(), Request: func(_ context.Context, _, n int64) (func() ([]byte, error), error) {
		data := make([]byte, n)
		part, size = weak.Make(&data[0]), n
		return func() ([]byte, error) {
			sent := data
			if data = nil; sent == nil {
				return nil, io.EOF
			}
			return sent, nil
		}, nil
	}}
	r := reader{File: f, end: f.Size, pace: pace.New(f.Budget)}
	checked := 0
	for r.offset < r.end {
		data, err := r.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > pace.Slow {
			t.Fatalf("%d bytes are returned at a time", len(data))
		}
		if len(r.part) > 0 || size <= pace.Slow {
			continue
		}
		checked++
		r.drop()
		for range 2 { // the first collection might already be in progress
			runtime.GC()
		}
		if part.Value() != nil {
			t.Errorf("%d bytes before byte %d keep their part of %d", len(data), r.offset, size)
		}
		runtime.KeepAlive(data)
	}
	if checked == 0 {
		t.Error("every part was small")
	}
}
