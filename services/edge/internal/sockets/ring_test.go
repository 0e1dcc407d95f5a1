//go:build linux

package sockets

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peers returns connected pairs: the server's connection, and the reader's end.
func peers(t *testing.T, n int) (conns []*Conn, readers []net.Conn) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	for range n {
		reader, err := net.Dial("tcp", lis.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := lis.Accept()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := descriptor(conn, time.Minute, true)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		c := &Conn{fd: int32(fd)}
		t.Cleanup(func() { reader.Close(); c.closeDescriptor() })
		conns, readers = append(conns, c), append(readers, reader)
	}
	return conns, readers
}

// senders returns both implementations: a ring, and one system call per write.
func senders(t *testing.T) map[string]func([]write) {
	t.Helper()
	r, err := newRing(batch)
	if err != nil {
		t.Logf("this system has no rings: %v", err)
		return map[string]func([]write){"one by one": (&sender{}).sendAll}
	}
	t.Cleanup(r.close)
	return map[string]func([]write){
		"one by one": (&sender{}).sendAll,
		"by a ring": func(writes []write) {
			if err := r.send(writes); err != nil {
				t.Error(err)
			}
		},
	}
}

func (s *sender) sendAll(writes []write) {
	s.writes = writes
	s.send()
}

func TestEveryPeerGetsItsOwnBytes(t *testing.T) {
	for name, send := range senders(t) {
		conns, readers := peers(t, batch)
		for round := range 3 {
			writes := make([]write, len(conns))
			for i, c := range conns {
				writes[i] = write{conn: c, bytes: bytes.Repeat([]byte{byte(i)}, i+round+1)}
			}
			send(writes)
			for i, d := range writes {
				got := make([]byte, i+round+1)
				if _, err := io.ReadFull(readers[i], got); err != nil || d.err != nil || d.n != len(got) || !bytes.Equal(got, d.bytes) {
					t.Fatalf("%s: write %d: %d bytes, %v; read %v", name, i, d.n, d.err, err)
				}
			}
		}
	}
}

func TestFullAndClosedPeersDelayNoOther(t *testing.T) {
	for name, send := range senders(t) {
		conns, readers := peers(t, 6)
		full, gone, closed := conns[1], conns[2], conns[4]
		filling := make([]byte, 1<<20)
		taken := 0
		for n := -1; n != 0; taken += n { // until the peer has no room
			var err error
			if n, err = full.write(filling, false); err != nil {
				t.Fatal(err)
			}
		}
		readers[2].(*net.TCPConn).SetLinger(0)
		readers[2].Close() // on loopback, the reset arrives before the call returns
		closed.closeDescriptor()
		writes := make([]write, len(conns))
		for i, c := range conns {
			writes[i] = write{conn: c, bytes: []byte("hello")}
		}
		send(writes)
		for i, d := range writes {
			switch d.conn {
			case full:
				if d.n != 0 || d.err != nil {
					t.Errorf("%s: a peer without room took %d bytes, %v", name, d.n, d.err)
				}
			case gone:
				if !errors.Is(d.err, unix.ECONNRESET) && !errors.Is(d.err, unix.EPIPE) {
					t.Errorf("%s: a peer that is gone took %d bytes, %v", name, d.n, d.err)
				}
			case closed:
				if !errors.Is(d.err, unix.EBADF) {
					t.Errorf("%s: a closed descriptor took %d bytes, %v", name, d.n, d.err)
				}
			default:
				if d.n != 5 || d.err != nil {
					t.Errorf("%s: write %d: %d bytes, %v", name, i, d.n, d.err)
				}
			}
		}
		if _, err := io.CopyN(io.Discard, readers[1], int64(taken)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		closed.fd = -1
	}
}
