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
	"headway/services/edge/internal/sockets"
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

// TestStalledReaderDropsItsPart: a reader that takes nothing keeps only what is already in its connection.
func TestStalledReaderDropsItsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &download{slot: sockets.NewSlot(), file: reader{File: &File{}, part: make([]byte, pace.Fast), requested: true, pace: pace.New(pace.NewBudget())}}
		d.slot.Put(sockets.Raw([]byte("waiting")))
		ended := make(chan bool, 1)
		go func() { ended <- d.taken(ctx) }()
		time.Sleep(pace.Prompt + 1)
		synctest.Wait()
		if d.file.part != nil || d.file.requested {
			t.Error("the part is kept")
		}
		cancel()
		if <-ended {
			t.Error("the connection has taken something")
		}
	})
}
