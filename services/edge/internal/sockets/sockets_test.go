package sockets

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.WithoutCancel(t.Context()))
}

// list is a source that sends its payloads.
type list struct {
	messages []Message
	ticks    []int64
}

func (s *list) Next() (Message, bool) {
	if len(s.messages) == 0 {
		return Message{}, false
	}
	m := s.messages[0]
	s.messages = s.messages[1:]
	return m, true
}

func (s *list) Tick(now int64) int64 {
	s.ticks = append(s.ticks, now)
	return now + 20
}

func (s *list) Closed(int64, error) {}

func payload(text string) Message { return Message{Payload: NewPayload([]byte(text))} }

func TestPayloadIsOneChunk(t *testing.T) {
	p := NewPayload([]byte("id: 1\ndata: {}\n\n"))
	if got, want := string(p.chunk), "10\r\nid: 1\ndata: {}\n\n\r\n"; got != want {
		t.Errorf("chunk %q, want %q", got, want)
	}
	if got, want := string(p.Bytes()), "id: 1\ndata: {}\n\n"; got != want {
		t.Errorf("bytes %q, want %q", got, want)
	}
	if p := NewPayload(nil); p.Bytes() != nil || p.chunk != nil {
		t.Errorf("an empty payload has %q", p.chunk)
	}
}

func newConn(s Source) *Conn {
	c := &Conn{loop: New(Config{WriteTimeout: time.Second}), source: s, fd: -1}
	c.state.Store(queued)
	return c
}

func TestPendingBytesAreSentFirst(t *testing.T) {
	s := &list{messages: []Message{payload("one")}}
	c := newConn(s)
	w, _ := c.next()
	c.rest = w.bytes[2:]
	if again := c.stall(); again {
		t.Error("there is no room, and the writer tries again")
	}
	s.messages = append(s.messages, payload("two"))
	c.loop.Wake(c)
	if n := len(c.loop.writers.queue); n != 0 {
		t.Errorf("a writer is called %d times before there is room", n)
	}
	c.makeRoom()
	if n := len(c.loop.writers.queue); n != 1 {
		t.Errorf("a writer is called %d times, want once", n)
	}
	if w, _ := c.next(); string(w.bytes) != "\r\none\r\n"[1:] {
		t.Errorf("got %q, want the rest", w.bytes)
	}
	if w, _ := c.next(); string(w.bytes) != "3\r\ntwo\r\n" {
		t.Errorf("got %q, want what came after", w.bytes)
	}
	if w, ok := c.next(); ok {
		t.Errorf("got %q after everything", w.bytes)
	}
}

func TestRoomMadeDuringWriteIsNotMissed(t *testing.T) {
	c := newConn(&list{messages: []Message{payload("one")}})
	w, _ := c.next()
	c.makeRoom() // between the write and its result
	c.rest = w.bytes[2:]
	if again := c.stall(); !again {
		t.Error("the connection waits for room that was made already")
	}
}

func TestWakeDuringNextIsNotMissed(t *testing.T) {
	s := &waking{}
	c := newConn(s)
	s.conn = c
	if _, ok := c.next(); !ok {
		t.Error("the writer left although the source was woken")
	}
	if c.state.Load() != queued || len(c.loop.writers.queue) != 0 {
		t.Errorf("state %d, and %d in line", c.state.Load(), len(c.loop.writers.queue))
	}
}

// waking is a source that is woken while the loop asks it.
type waking struct {
	list
	conn  *Conn
	asked int
}

func (s *waking) Next() (Message, bool) {
	if s.asked++; s.asked == 1 {
		s.conn.loop.Wake(s.conn)
		return Message{}, false
	}
	return payload("late"), true
}

func TestWritersShareLongLine(t *testing.T) {
	ws := newWriters(newWheel(), time.Second)
	line := make([]*Conn, 10*batch+7)
	for i := range line {
		line[i] = &Conn{}
	}
	ws.push(line...)
	taken := map[*Conn]bool{}
	for len(taken) < len(line) {
		mine := ws.take(make([]*Conn, 0, batch))
		if len(mine) > batch {
			t.Fatalf("took %d at a time", len(mine))
		}
		for _, c := range mine {
			taken[c] = true
		}
	}
	if len(ws.queue) != 0 || ws.taken != 0 {
		t.Errorf("%d left in line", len(ws.queue)-ws.taken)
	}
	ws.stop()
	if mine := ws.take(make([]*Conn, 0, batch)); mine != nil {
		t.Errorf("took %d after the end", len(mine))
	}
}

func TestWheelVisitsWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wh := newWheel()
		s := &list{}
		wh.add(&Conn{source: s})
		ctx, cancel := context.WithCancel(t.Context())
		go wh.run(ctx, func(int64) {})
		time.Sleep(2*time.Minute + time.Millisecond)
		synctest.Wait()
		cancel()
		want := []int64{1, 21, 41, 61, 81, 101}
		if len(s.ticks) != len(want) {
			t.Fatalf("visited at %v, want %v", s.ticks, want)
		}
		for i := range want {
			if s.ticks[i] != want[i] {
				t.Errorf("visited at %v, want %v", s.ticks, want)
			}
		}
	})
}
