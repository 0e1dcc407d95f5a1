package peers

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"headway/internal/auth"
	"headway/internal/bus"
)

// wire connects edges in one process. While it is cut, messages are lost.
type wire struct {
	mu        sync.Mutex
	receivers map[*end]func([]byte)
	cut       bool
}

type end struct {
	bus.Bus
	wire *wire
}

func (e *end) Connected() bool { return true }

func (e *end) Subscribe(received func([]byte)) error {
	e.wire.mu.Lock()
	defer e.wire.mu.Unlock()
	e.wire.receivers[e] = received
	return nil
}

func (e *end) Publish(data []byte) {
	e.wire.mu.Lock()
	defer e.wire.mu.Unlock()
	for other, receive := range e.wire.receivers {
		if other != e && !e.wire.cut {
			receive(data)
		}
	}
}

// fake is the Rate and the Streams of an edge.
type fake struct {
	mu                sync.Mutex
	spent             map[string]int
	owed              map[string]int
	opened, elsewhere map[string][]uint32
	fraction          float64
}

func (f *fake) Spent(fraction float64, _ time.Duration) map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	spent := f.spent
	f.spent, f.fraction = nil, fraction
	return spent
}

func (f *fake) Spend(user string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owed[user] += n
}

func (f *fake) Opened(float64) map[string][]uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened
}

func (f *fake) Elsewhere(user string, streams []Stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.elsewhere[user] = nil
	for _, s := range streams {
		f.elsewhere[user] = append(f.elsewhere[user], s.Opened)
	}
}

// start starts an edge with a key of one repeated letter.
func start(t *testing.T, w *wire, key string) *fake {
	t.Helper()
	k, err := auth.NewKey(bytes.Repeat([]byte(key), 32))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := k.Sealer("peers")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{owed: map[string]int{}, elsewhere: map[string][]uint32{}}
	p := New(Config{Bus: &end{wire: w}, Sealer: sealer, Rates: map[string]Rate{"requests": f}, Streams: f, Logger: slog.New(slog.DiscardHandler)})
	go p.Run(t.Context())
	return f
}

func TestEdgesLearnOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{receivers: map[*end]func([]byte){}}
		a, b, c, stranger := start(t, w, "k"), start(t, w, "k"), start(t, w, "k"), start(t, w, "x")
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		pass(2 * interval)
		want := func(what string, f *fake, owed int, elsewhere ...uint32) {
			t.Helper()
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.owed["ann"] != owed || len(f.elsewhere["ann"])+len(elsewhere) > 0 && !reflect.DeepEqual(f.elsewhere["ann"], elsewhere) {
				t.Errorf("%s: %d requests and the streams %v, want %d and %v", what, f.owed["ann"], f.elsewhere["ann"], owed, elsewhere)
			}
		}
		set := func(f *fake, spent int, opened ...uint32) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.spent, f.opened = map[string]int{"ann": spent}, map[string][]uint32{"ann": opened}
		}
		set(a, 5, 10, 30)
		set(b, 7, 20)
		pass(interval)
		want("a", a, 7, 20)
		want("b", b, 5, 10, 30)
		want("c", c, 12, 10, 20, 30)
		want("an edge with another key", stranger, 0)
		for f, fraction := range map[*fake]float64{c: 1.0 / 6, stranger: 1.0 / 2} {
			f.mu.Lock()
			if f.fraction != fraction {
				t.Errorf("an edge leaves out %g of a limit, want %g", f.fraction, fraction)
			}
			f.mu.Unlock()
		}
		set(a, 0)
		pass(interval)
		want("after the streams have ended", c, 12, 20)
		w.mu.Lock()
		w.cut = true
		w.mu.Unlock()
		set(a, 9, 40)
		pass(silence / 2)
		want("soon after a partition", c, 12, 20)
		pass(silence)
		want("in a partition", c, 12)
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		pass(2 * interval) // the first report finds the others
		want("after a partition", c, 12, 20, 40)
	})
}

func TestReportsAreBounded(t *testing.T) {
	all := map[string]int{}
	for n := range 5000 {
		all[fmt.Sprint(n)] = n
	}
	few := most(all, 100, func(int) int { return 1 }, func(n int) int { return n })
	if len(few) != 100 || few["4999"] == 0 || few["4900"] == 0 {
		t.Errorf("%d users are reported", len(few))
	}
}

func TestTimesAreComparedAcrossOverflow(t *testing.T) {
	for _, c := range []struct {
		stream Stream
		own    uint32
		want   bool
	}{
		{Stream{Opened: 1<<32 - 5}, 3, true}, {Stream{Opened: 3}, 1<<32 - 5, false},
		{Stream{Opened: 7}, 7, false}, {Stream{Opened: 7, First: true}, 7, true}, {Stream{Opened: 8, First: true}, 7, false},
	} {
		if got := c.stream.IsOlder(c.own); got != c.want {
			t.Errorf("%+v is older than %d: %v", c.stream, c.own, got)
		}
	}
}
