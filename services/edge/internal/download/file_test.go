package download

import (
	"context"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
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

// TestStalledReaderDropsItsPart: a reader that takes nothing keeps only what is already in its connection, and nothing of the
// budget of fast readers.
func TestStalledReaderDropsItsPart(t *testing.T) {
	for name, received := range map[string]int{"a long part": pace.Fast, "a part whose last bytes are in the connection": pace.Slow} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pace.New(pace.NewBudget())
				for !p.Fast() {
					p.Done()
					if _, err := p.Request(t.Context()); err != nil {
						t.Fatal(err)
					}
					p.Received()
				}
				d := &download{left: pace.Fast, file: reader{File: &File{}, end: pace.Fast, part: make([]byte, received), requested: true, pace: p}}
				if m, ok := d.Next(); !ok || m.Len() != pace.Slow {
					t.Fatalf("%d bytes", m.Len())
				}
				time.Sleep(pace.Prompt + 1)
				synctest.Wait()
				if f := &d.file; f.part != nil || f.requested || f.pace.Fast() {
					t.Errorf("%d bytes are kept, and the budget: %v", len(f.part), f.pace.Fast())
				}
			})
		})
	}
}
