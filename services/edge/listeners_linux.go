package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// moreQueues opens further listeners on a listener's own port, among which the kernel shares out new connections. Each
// has a queue of its own for those that wait to be accepted (4,096 long, net.core.somaxconn), and beyond it connections
// are dropped, to be tried again after seconds: one queue is too short for the crowd that a restart brings back in one
// moment. A program that does not ask to share the port is refused it as before: another Headway, say.
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

// share sets whether further sockets of this user may listen on the same port (SO_REUSEPORT, socket(7)).
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
