package pgtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// Failure is what happens to a request of a client.
type Failure struct {
	// Code is the code of an error that answers the request instead of the server, and ends the transaction. It is empty for none.
	Code string
	// Cut closes the connection, after the error if there is one. With Answered, the server gets the request first.
	Cut, Answered bool
	// All closes the other connections, too.
	All bool
}

// Failures forwards connections to a server. A function chooses failures of requests, which are an attempt to connect, a statement, and the end of
// the rows of a COPY. The connections use no TLS.
type Failures struct {
	lis    net.Listener
	server string
	wg     sync.WaitGroup

	mu     sync.Mutex
	choose func() *Failure
	conns  map[net.Conn]struct{}
}

// NewFailures starts a proxy in front of the server at an address. It ends with the test.
func NewFailures(tb testing.TB, server string) *Failures {
	tb.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	f := &Failures{lis: lis, server: server, conns: map[net.Conn]struct{}{}}
	f.wg.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			f.wg.Go(func() { f.serve(conn) })
		}
	})
	tb.Cleanup(func() { lis.Close(); f.cutAll(); f.wg.Wait() })
	return f
}

// Address returns the host and port of the proxy.
func (f *Failures) Address() string { return f.lis.Addr().String() }

// Choose sets the function that chooses the failure of a request, or none. Its calls don't overlap.
func (f *Failures) Choose(choose func() *Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choose = choose
}

func (f *Failures) track(ends ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, end := range ends {
		f.conns[end] = struct{}{}
	}
}

func (f *Failures) end(ends ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, end := range ends {
		end.Close()
		delete(f.conns, end)
	}
}

func (f *Failures) cutAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		conn.Close()
	}
}

func (f *Failures) chosen() *Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.choose == nil {
		return nil
	}
	return f.choose()
}

// session is a connection through the proxy.
type session struct {
	client, server net.Conn

	mu sync.Mutex
	// status is that of the transaction. drop means that the answers are lost. instead replaces the next error of the server.
	status  byte
	drop    bool
	instead []byte
}

func (f *Failures) serve(client net.Conn) {
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", f.server)
	if err != nil {
		client.Close()
		return
	}
	first, err := readMessage(client, false)
	if err != nil || binary.BigEndian.Uint32(first[4:]) != 3<<16 { // not a connection, but a request to cancel a statement
		if err == nil {
			_, _ = server.Write(first)
			_, _ = io.Copy(io.Discard, server) // until it has been handled
		}
		client.Close()
		server.Close()
		return
	}
	f.track(client, server)
	defer f.end(client, server)
	s := &session{client: client, server: server, status: 'I'}
	f.wg.Go(func() { defer f.end(client, server); s.answers() })
	if !f.pass(s, first) {
		return
	}
	var request []byte
	for {
		m, err := readMessage(client, true)
		if err != nil {
			return
		}
		request = append(request, m...)
		switch m[0] {
		case 'Q', 'S', 'c': // a statement, the end of an extended query, or of the rows of a COPY
			if !f.pass(s, request) {
				return
			}
			request = nil
		case 'd', 'f', 'X', 'p', 'H': // rows of a COPY or their failure, the end, a password, and a flush
			if _, err := server.Write(request); err != nil {
				return
			}
			request = nil
		}
	}
}

// pass passes a request on, unless a failure is chosen. It reports whether the connection continues.
func (f *Failures) pass(s *session, request []byte) bool {
	failure := f.chosen()
	s.mu.Lock()
	failed := s.status == 'E'
	s.mu.Unlock()
	if failure == nil || failure.Code != "" && !failure.Cut && failed { // an error is the answer anyway
		_, err := s.server.Write(request)
		return err == nil
	}
	if failure.All {
		defer f.cutAll()
	}
	if failure.Cut {
		if failure.Code != "" {
			_, _ = s.client.Write(errorMessage("FATAL", failure.Code))
		}
		if failure.Answered {
			s.mu.Lock()
			s.drop = true
			s.mu.Unlock()
			_, _ = s.server.Write(append(request, message('X', nil)...))
			_, _ = io.Copy(io.Discard, s.client) // ends when the server has closed the connection
		}
		return false
	}
	s.mu.Lock()
	s.instead = errorMessage("ERROR", failure.Code)
	s.mu.Unlock()
	fails := message('Q', []byte("SELECT 1 / 0\x00"))
	if request[0] == 'c' {
		fails = message('f', []byte("a failure\x00"))
	}
	_, err := s.server.Write(fails)
	return err == nil
}

// answers passes on what the server answers.
func (s *session) answers() {
	for {
		m, err := readMessage(s.server, true)
		if err != nil {
			return
		}
		s.mu.Lock()
		switch {
		case m[0] == 'Z':
			s.status = m[5]
		case m[0] == 'E' && s.instead != nil:
			m, s.instead = s.instead, nil
		}
		drop := s.drop
		s.mu.Unlock()
		if drop {
			continue
		}
		if _, err := s.client.Write(m); err != nil {
			return
		}
	}
}

// readMessage reads a message of PostgreSQL's protocol. The first one of a client has no type.
func readMessage(from io.Reader, typed bool) ([]byte, error) {
	head := make([]byte, 4)
	if typed {
		head = make([]byte, 5)
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	rest := int64(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
	body, err := io.ReadAll(io.LimitReader(from, rest))
	if err == nil && int64(len(body)) < rest {
		err = io.ErrUnexpectedEOF
	}
	return append(head, body...), err
}

func message(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
}

func errorMessage(severity, code string) []byte {
	return message('E', fmt.Appendf(nil, "S%s\x00V%[1]s\x00C%s\x00Ma failure of a test\x00\x00", severity, code))
}
