// Package bustest is a test suite of the contract of bus.Bus. Every bus runs it unchanged.
package bustest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"headway/internal/bus"
)

// Run tests that buses keep the contract. open returns a function that connects another replica. The test closes its bus.
func Run(t *testing.T, open func(t *testing.T) (join func() bus.Bus)) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, join func() bus.Bus)
	}{
		{"a message reaches all others once and not its sender", everyone},
		{"messages of a replica arrive in order", order},
		{"a wake-up reaches one of those that await the kind", oneOfThem},
		{"a wake-up never returns to its sender", notBack},
		{"no wake-up arrives after the end", stopped},
		{"kinds with any characters are apart", kinds},
		{"a slow receiver does not block the sender", neverBlocks},
	} {
		t.Run(test.name, func(t *testing.T) {
			join := open(t)
			test.run(t, func() bus.Bus {
				b := join()
				t.Cleanup(b.Close)
				for begun := time.Now(); !b.Connected(); time.Sleep(5 * time.Millisecond) {
					if time.Since(begun) > time.Minute {
						t.Fatal("the bus is not connected")
					}
				}
				return b
			})
		})
	}
}

// inbox holds what has arrived.
type inbox struct {
	mu  sync.Mutex
	got []string
}

func (i *inbox) take(data []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, string(data))
}

func (i *inbox) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got)
}

// await returns when the condition is met.
func await(t *testing.T, what string, met func() bool) {
	t.Helper()
	for begun := time.Now(); !met(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("after 30 s: %s", what)
		}
	}
}

// subscribe connects an inbox. It returns when messages of the other bus arrive.
func subscribe(t *testing.T, b, from bus.Bus) *inbox {
	t.Helper()
	in := &inbox{}
	if err := b.Subscribe(in.take); err != nil {
		t.Fatal(err)
	}
	await(t, "the subscription is not effective", func() bool {
		from.Publish([]byte("begin"))
		return len(in.all()) > 0
	})
	return in
}

// without returns the messages after the beginning.
func (i *inbox) without() []string {
	return slices.DeleteFunc(i.all(), func(s string) bool { return s == "begin" })
}

func everyone(t *testing.T, join func() bus.Bus) {
	a, b, c := join(), join(), join()
	inB, inC := subscribe(t, b, a), subscribe(t, c, a)
	inA := subscribe(t, a, b)
	a.Publish([]byte("one"))
	a.Publish([]byte("two"))
	for _, in := range []*inbox{inB, inC} {
		await(t, fmt.Sprint("got ", in.without()), func() bool { return len(in.without()) >= 2 })
	}
	b.Publish([]byte("three"))
	await(t, "A does not get the message of B", func() bool { return slices.Contains(inA.all(), "three") })
	if got := inA.without(); !slices.Equal(got, []string{"three"}) {
		t.Errorf("the sender got %v, want the message of the other only", got)
	}
	if got := inB.without(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("B got %v", got)
	}
}

func order(t *testing.T, join func() bus.Bus) {
	a, b := join(), join()
	in := subscribe(t, b, a)
	for i := range 500 {
		a.Publish(fmt.Appendf(nil, "%04d", i))
	}
	await(t, "not all messages have arrived", func() bool { return slices.Contains(in.all(), "0499") })
	got := in.without()
	if !slices.IsSorted(got) {
		t.Errorf("the order is %v", got)
	}
	if len(slices.Compact(got)) != len(in.without()) {
		t.Error("a message arrived twice")
	}
}

// awaitKind makes a bus await a kind. It returns when wake-ups arrive from the other bus.
func awaitKind(t *testing.T, b, from bus.Bus, kind string) (in *inbox, stop func()) {
	t.Helper()
	in = &inbox{}
	stop, err := b.Await(kind, in.take)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "no wake-up arrives", func() bool {
		from.Wake(kind, []byte("begin"))
		time.Sleep(time.Millisecond)
		return len(in.all()) > 0
	})
	return in, stop
}

func oneOfThem(t *testing.T, join func() bus.Bus) {
	a, b, c := join(), join(), join()
	inB, _ := awaitKind(t, b, a, "crawl")
	inC, _ := awaitKind(t, c, a, "crawl")
	other, _ := awaitKind(t, c, a, "media")
	const n = 200
	for i := range n {
		a.Wake("crawl", fmt.Append(nil, i))
	}
	await(t, "wake-ups are missing", func() bool { return len(inB.without())+len(inC.without()) >= n })
	time.Sleep(20 * time.Millisecond)
	got := append(inB.without(), inC.without()...)
	slices.Sort(got)
	if len(got) != n || len(slices.Compact(got)) != n {
		t.Errorf("%d wake-ups arrived, want each of %d once", len(got), n)
	}
	if len(other.without()) > 0 {
		t.Errorf("another kind got %v", other.without())
	}
}

func notBack(t *testing.T, join func() bus.Bus) {
	a, b := join(), join()
	inA, _ := awaitKind(t, a, b, "crawl")
	inB, _ := awaitKind(t, b, a, "crawl")
	for i := range 50 {
		a.Wake("crawl", fmt.Append(nil, i))
	}
	await(t, "the other does not get all", func() bool { return len(inB.without()) == 50 })
	if got := inA.without(); len(got) > 0 {
		t.Errorf("the sender woke itself: %v", got)
	}
}

func stopped(t *testing.T, join func() bus.Bus) {
	a, b, c := join(), join(), join()
	in, stop := awaitKind(t, b, a, "crawl")
	stop()
	stop() // again, without effect
	later, _ := awaitKind(t, c, a, "crawl")
	await(t, "the end is not effective", func() bool {
		before := len(in.all())
		n := len(later.all())
		for range 20 {
			a.Wake("crawl", []byte("after"))
		}
		await(t, "the other one gets nothing", func() bool { return len(later.all())-n+len(in.all())-before >= 20 })
		return len(in.all()) == before
	})
}

func kinds(t *testing.T, join func() bus.Bus) {
	a, b := join(), join()
	one, _ := awaitKind(t, b, a, "a.b")
	two, _ := awaitKind(t, b, a, "a.*")
	three, _ := awaitKind(t, b, a, "ü > x")
	a.Wake("a.b", []byte("one"))
	a.Wake("a.*", []byte("two"))
	a.Wake("ü > x", []byte("three"))
	for want, in := range map[string]*inbox{"one": one, "two": two, "three": three} {
		await(t, want+" does not arrive", func() bool { return len(in.without()) > 0 })
		if got := in.without(); !slices.Equal(got, []string{want}) {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

func neverBlocks(t *testing.T, join func() bus.Bus) {
	a, b := join(), join()
	block := make(chan struct{})
	defer close(block)
	if err := b.Subscribe(func([]byte) { <-block }); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5000 {
			a.Publish(make([]byte, 10<<10))
			a.Wake("crawl", nil)
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("Publish blocks")
	}
}
