package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// moreQueues opens additional listeners on a listener's port, among which the kernel distributes new connections. Each
// has its own queue of 4,096 connections that wait to be accepted (net.core.somaxconn). The kernel drops further
// connections, and their clients retry only after seconds. So one queue is too short when all clients reconnect after a
// restart. A program that does not request to share the port, such as another Headway, still can't listen on it.
func moreQueues(first net.Listener, n int) (more []net.Listener, err error) {
	owner, ok := first.(*net.TCPListener)
	if !ok {
		return nil, nil
	}
	defer func() {
		if err != nil {
			closeAll(more)
			more = nil
		}
	}()
	raw, err := owner.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("descriptor: %w", err)
	}
	if err := share(raw, true); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return share(raw, true) }}
	for range n {
		lis, err := config.Listen(context.Background(), "tcp", first.Addr().String())
		if err != nil {
			return more, errors.Join(err, share(raw, false))
		}
		more = append(more, lis)
	}
	return more, share(raw, false)
}

// share sets whether other sockets of this user can listen on the same port (SO_REUSEPORT, socket(7)).
func share(raw syscall.RawConn, on bool) error {
	value := 0
	if on {
		value = 1
	}
	var err error
	controlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, value) })
	if err := errors.Join(controlErr, err); err != nil {
		return fmt.Errorf("SO_REUSEPORT: %w", err)
	}
	return nil
}

// limitUnsent sets a connection's maxUnsent (TCP_NOTSENT_LOWAT, tcp(7)). Data in transit is not limited, so a long
// line stays fast. If the kernel refuses, slow peers use more of its memory.
func limitUnsent(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent) })
		}
	}
}
