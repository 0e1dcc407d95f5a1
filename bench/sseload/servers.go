//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// firstState is the first event of both servers. It is as long as that of the edge for a new job.
const firstState = `retry: 3000
data: {"type":"connected","jobId":"01890000-0000-7000-8000-000000000000","message":"Connected to job 01890000-0000-7000-8000-000000000000.","keepaliveSeconds":15}

id: 1
data: {"type":"initial_status","jobId":"01890000-0000-7000-8000-000000000000","kind":"bench","status":"queued","progress":0,"step":"","message":"","revision":1,"attempt":0,"stalled":false}

`

const keepaliveEvery = 15 * time.Second

// plain serves streams in the usual way in Go.
type plain struct {
	mu      sync.Mutex
	streams map[chan []byte]struct{}
}

func runPlain(commands <-chan Command, reply func(Report)) error {
	lis, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p := &plain{streams: map[chan []byte]struct{}{}}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	reply(Report{Addr: lis.Addr().String()})
	for c := range commands {
		event, err := stamp(c.Data, c.ID)
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		p.publish(event)
		reply(Report{})
	}
	if err := server.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func (p *plain) publish(event []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for events := range p.streams {
		select {
		case events <- event:
		default: // a slow reader misses the message
		}
	}
}

func (p *plain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events := make(chan []byte, 1)
	p.mu.Lock()
	p.streams[events] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.streams, events)
		p.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache, no-transform")
	rc := http.NewResponseController(w)
	keepalive := time.NewTicker(keepaliveEvery)
	defer keepalive.Stop()
	for event := []byte(firstState); ; {
		_ = rc.SetWriteDeadline(time.Now().Add(keepaliveEvery)) // net/http's can
		if _, err := w.Write(event); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case event = <-events:
		case <-keepalive.C:
			event = []byte(":\n\n")
		}
	}
}

// floor writes each event to every socket, one after the other, from one goroutine. No server with one socket and one write
// per stream can be cheaper.
func runFloor(commands <-chan Command, reply func(Report)) error {
	lis, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var (
		mu  sync.Mutex
		fds []int
	)
	accepted := make(chan error, 1)
	go func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				accepted <- err
				return
			}
			fd, err := answer(conn)
			if err != nil {
				accepted <- err
				return
			}
			mu.Lock()
			fds = append(fds, fd)
			mu.Unlock()
		}
	}()
	reply(Report{Addr: lis.Addr().String()})
	for c := range commands {
		event, err := stamp(c.Data, c.ID)
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		event = append(append(append(strconv.AppendInt(nil, int64(len(event)), 16), "\r\n"...), event...), "\r\n"...)
		mu.Lock()
		for _, fd := range fds {
			_, _ = unix.Write(fd, event) // readers count the messages that they miss
		}
		mu.Unlock()
		reply(Report{})
	}
	_ = lis.Close() // the process ends
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("accept: %w", err)
	}
	return nil
}

// answer starts a stream, and returns a descriptor of it that the runtime does not manage.
func answer(conn net.Conn) (int, error) {
	defer conn.Close()
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return 0, fmt.Errorf("read a request: %w", err)
	}
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(firstState), firstState); err != nil {
		return 0, fmt.Errorf("answer: %w", err)
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("descriptor: %w", err)
	}
	fd := -1
	if controlErr := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); controlErr != nil {
		err = controlErr
	}
	if err != nil {
		return 0, fmt.Errorf("descriptor: %w", err)
	}
	return fd, nil
}
