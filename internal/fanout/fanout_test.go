package fanout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// version is one state of a thing.
type version struct {
	key   string
	rev   uint32
	final bool
}

func (v version) Key() string { return v.key }
func (v version) Rev() uint32 { return v.rev }
func (v version) Final() bool { return v.final }

func at(key string, rev uint32) version    { return version{key: key, rev: rev} }
func ended(key string, rev uint32) version { return version{key: key, rev: rev, final: true} }

func TestSlotHoldsTheLatestState(t *testing.T) {
	var s Slot[version]
	for _, c := range []struct {
		offer          version
		ready, skipped bool
	}{
		{at("a", 2), true, false},
		{at("a", 2), false, false},
		{at("a", 1), false, false},
		{at("a", 3), true, true},
		{ended("a", 4), true, true},
		{at("a", 5), false, false}, // a final state stays
	} {
		if ready, skipped := s.Offer(c.offer); ready != c.ready || skipped != c.skipped {
			t.Errorf("Offer(%v) = %v, %v", c.offer, ready, skipped)
		}
	}
	if v, ok := s.Take(); !ok || v != ended("a", 4) {
		t.Errorf("Take = %v, %v; want the final state", v, ok)
	}
	if v, ok := s.Take(); ok {
		t.Errorf("Take = %v from an empty slot", v)
	}
	if ready, _ := s.Offer(at("a", 4)); ready {
		t.Error("a state was taken in again after it was taken out")
	}
	if ready, _ := s.Offer(at("a", 5)); !ready {
		t.Error("a later state was refused")
	}
	s.Seen(5)
	if s.Full() {
		t.Error("a state that was seen elsewhere still waits")
	}
}

// all takes everything out of the mailbox and returns it as text.
func all(m *Mailbox[version]) (got []string) {
	for item, ok := m.Take(); ok; item, ok = m.Take() {
		switch {
		case item.Deleted:
			got = append(got, item.Key+" deleted")
		case item.First:
			got = append(got, fmt.Sprintf("%s%d first", item.Key, item.State.rev))
		default:
			got = append(got, fmt.Sprintf("%s%d", item.Key, item.State.rev))
		}
	}
	return got
}

func TestMailboxOrderAndReplacement(t *testing.T) {
	type box = Mailbox[version]
	for _, c := range []struct {
		name string
		box  box
		do   func(m *box)
		want []string
	}{
		{"keys in the order of arrival, each at its latest state", box{}, func(m *box) {
			m.Offer(at("a", 1))
			m.Offer(at("b", 1))
			m.Offer(at("a", 2))
		}, []string{"a2", "b1"}},
		{"a later state replaces a final one", box{}, func(m *box) {
			m.Offer(ended("a", 1))
			m.Offer(at("a", 2))
		}, []string{"a2"}},
		{"a final state waits in front of later ones", box{KeepFinal: true}, func(m *box) {
			m.Offer(ended("a", 1))
			m.Offer(at("a", 2))
			m.Offer(at("a", 3))
		}, []string{"a1", "a3"}},
		{"a deletion replaces waiting states", box{}, func(m *box) {
			m.Offer(ended("a", 1))
			m.Offer(at("b", 1))
			m.Drop("a")
		}, []string{"a deleted", "b1"}},
		{"a deletion follows a final state that is kept", box{KeepFinal: true}, func(m *box) {
			m.Offer(ended("a", 1))
			m.Drop("a")
		}, []string{"a1", "a deleted"}},
		{"a key that was deleted can begin again", box{Remember: 9}, func(m *box) {
			m.Seen("a", 5)
			m.Drop("a")
			m.Offer(at("a", 1))
		}, []string{"a deleted", "a1 first"}},
		{"states seen elsewhere are dropped", box{}, func(m *box) {
			m.Offer(at("a", 3))
			m.Offer(at("b", 4))
			m.Seen("a", 3)
			m.Seen("b", 3)
			m.Seen("c", 3)
			m.Offer(at("c", 3))
		}, []string{"b4"}},
		{"later states than those seen elsewhere come once", box{}, func(m *box) {
			m.Seen("a", 3)
			m.Offer(at("a", 2))
			m.Offer(at("a", 4))
		}, []string{"a4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.do(&c.box)
			if got := all(&c.box); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if c.box.Len() != 0 {
				t.Errorf("%d keys still wait", c.box.Len())
			}
		})
	}
}

func TestMailboxRemembersTakenStates(t *testing.T) {
	m := Mailbox[version]{KeepFinal: true, Remember: 2}
	m.Offer(at("a", 1))
	m.Offer(ended("b", 1))
	all(&m)
	m.Offer(at("a", 1))
	m.Offer(at("a", 2))
	m.Offer(ended("b", 1))
	if got, want := all(&m), []string{"a2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !m.Knows("b") {
		t.Error("a thing that has just ended is not known")
	}
	m.Offer(ended("c", 1))
	m.Offer(ended("d", 1))
	all(&m)
	if m.Knows("b") || !m.Knows("a") || !m.Knows("d") {
		t.Errorf("after three things ended it knows b: %v, a: %v, d: %v", m.Knows("b"), m.Knows("a"), m.Knows("d"))
	}
}

func TestMailboxKeepsNoKeyAfterBurst(t *testing.T) {
	var m Mailbox[version]
	for i := range 5000 {
		m.Offer(at(fmt.Sprint(i), 1))
	}
	all(&m)
	if m.Len() != 0 || cap(m.line) != 0 || len(m.seen) != 0 {
		t.Errorf("%d keys wait, the line has room for %d, %d are remembered", m.Len(), cap(m.line), len(m.seen))
	}
}

func TestTopicsDeliverToTheirSubscribers(t *testing.T) {
	var topics Topics[string, version]
	red, both := topics.Subscribe(false, "red"), topics.Subscribe(true, "red", "blue")
	made := 0
	publish := func(v version, of ...string) {
		topics.Publish(func() version { made++; return v }, of...)
	}
	publish(at("a", 1), "red", "blue")
	publish(at("b", 1), "blue")
	publish(at("c", 1), "green")
	topics.Drop("a", "red")
	if made != 2 {
		t.Errorf("%d states were made, want one for each that has a subscriber", made)
	}
	states, deleted, err := red.Next(t.Context(), 10)
	if err != nil || len(states) != 0 || !slices.Equal(deleted, []string{"a"}) {
		t.Errorf("red got %v, %v, %v", states, deleted, err)
	}
	states, deleted, err = both.Next(t.Context(), 10)
	if err != nil || !slices.Equal(states, []version{at("b", 1)}) || !slices.Equal(deleted, []string{"a"}) {
		t.Errorf("both got %v, %v, %v", states, deleted, err)
	}
	if topics.Watched("green") || !topics.Watched("green", "blue") {
		t.Error("Watched is wrong")
	}
	red.Stop()
	both.Stop()
	if len(topics.subscribers) != 0 {
		t.Errorf("stopped subscribers leave %v", topics.subscribers)
	}
}

func TestSubscriberEndsAfterWaitingStates(t *testing.T) {
	var topics Topics[string, version]
	s := topics.Subscribe(false, "red")
	defer s.Stop()
	gone := errors.New("gone")
	s.Offer(at("a", 1))
	s.End(gone)
	s.End(errors.New("later"))
	if states, _, err := s.Next(t.Context(), 10); len(states) != 1 || err != nil {
		t.Errorf("got %v, %v; want the state that waited", states, err)
	}
	for range 2 {
		if _, _, err := s.Next(t.Context(), 10); !errors.Is(err, gone) {
			t.Errorf("got %v, want the first end", err)
		}
	}
}

func TestDeletionAndNewStateAreSeparate(t *testing.T) {
	var topics Topics[string, version]
	s := topics.Subscribe(false, "red")
	defer s.Stop()
	topics.Drop("a", "red")
	s.Offer(at("a", 1))
	if states, deleted, _ := s.Next(t.Context(), 10); len(states) != 0 || len(deleted) != 1 {
		t.Errorf("the first batch is %v, %v; want the deletion alone", states, deleted)
	}
	if states, _, _ := s.Next(t.Context(), 10); len(states) != 1 {
		t.Errorf("the second batch is %v, want the new state", states)
	}
}

func TestEverySubscriberGetsTheLastState(t *testing.T) {
	const last = 1000
	var topics Topics[string, version]
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var readers sync.WaitGroup
	for range 8 {
		s := topics.Subscribe(true, "red")
		readers.Go(func() {
			defer s.Stop()
			var before uint32
			for {
				states, _, err := s.Next(ctx, 1)
				if err != nil {
					t.Error(err)
					return
				}
				if states[0].rev <= before {
					t.Errorf("revision %d after %d", states[0].rev, before)
				}
				if before = states[0].rev; states[0].final {
					if before != last {
						t.Errorf("the last revision is %d, want %d", before, last)
					}
					return
				}
			}
		})
	}
	for rev := uint32(1); rev < last; rev++ {
		topics.Publish(func() version { return at("a", rev) }, "red")
	}
	topics.Publish(func() version { return ended("a", last) }, "red")
	readers.Wait()
}

// sized is a state of 10 bytes, or its replacement.
type sized struct {
	version
	small bool
}

func (s sized) size() int {
	if s.small {
		return 0
	}
	return 10
}

func (s sized) shrink() sized { s.small = true; return s }

func bounded(bytes, things int, err error) Bounds[sized] {
	return Bounds[sized]{Bytes: bytes, Size: sized.size, Shrink: sized.shrink, Things: things, Err: err}
}

func TestStatesBeyondTheBoundAreReplaced(t *testing.T) {
	m := Mailbox[sized]{KeepFinal: true, Bounds: bounded(30, 0, nil)}
	offer := func(v version) { m.Offer(sized{version: v}) }
	take := func() (full, small int) {
		for item, ok := m.Take(); ok; item, ok = m.Take() {
			switch {
			case item.Deleted:
			case item.State.small:
				small++
			default:
				full++
			}
		}
		return full, small
	}
	for round := range uint32(3) { // all room is free again after each round
		base := 10 * round
		for range 2 { // a state that replaces another takes its room
			for i := range 100 {
				offer(at(fmt.Sprint(i), base+1))
				offer(at(fmt.Sprint(i), base+2))
			}
		}
		if m.Len() != 100 {
			t.Fatalf("%d things wait", m.Len())
		}
		m.Seen("0", base+2)
		m.Drop("1")
		offer(ended("2", base+3)) // in the place of the state before
		offer(at("2", base+4))    // after the final one
		offer(at("200", base+1))
		m.Drop("2")
		if full, small := take(); full != 2 || small != 97 {
			t.Fatalf("round %d: %d states and %d replacements", round, full, small)
		}
		if m.bytes != 0 {
			t.Fatalf("an empty mailbox counts %d bytes", m.bytes)
		}
	}
}

func TestSubscriberTooFarBehindEnds(t *testing.T) {
	behind := errors.New("too far behind")
	topics := Topics[string, sized]{Bounds: bounded(30, 100, behind)}
	slow, fast := topics.Subscribe(false, "red"), topics.Subscribe(false, "red")
	defer slow.Stop()
	defer fast.Stop()
	for i := range 101 {
		topics.Publish(func() sized { return sized{version: at(fmt.Sprint(i), 1)} }, "red")
		if _, _, err := fast.Next(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	topics.Drop("1", "red")
	topics.Publish(func() sized { return sized{version: at("later", 1)} }, "red")
	if states, deleted, err := slow.Next(t.Context(), 10); !errors.Is(err, behind) || len(states)+len(deleted) > 0 || slow.box.Len() > 0 {
		t.Errorf("got %v, %v, %v, and %d things still wait", states, deleted, err, slow.box.Len())
	}
	if states, deleted, err := fast.Next(t.Context(), 1); err != nil || len(states)+len(deleted) != 1 {
		t.Errorf("the fast subscriber got %v, %v, %v", states, deleted, err)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(n, " subscribers"), func(b *testing.B) {
			var topics Topics[string, *version]
			for range n {
				defer topics.Subscribe(true, "red").Stop()
			}
			var rev uint32
			b.ReportAllocs()
			for b.Loop() {
				rev++
				topics.Publish(func() *version { return &version{"a", rev, false} }, "red", "blue")
			}
		})
	}
}
