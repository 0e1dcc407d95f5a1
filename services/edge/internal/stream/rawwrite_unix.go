//go:build unix

package stream

import (
	"net"
	"syscall"
)

// rawConn gives the descriptor to write to without waiting; nil if the connection is none of the system's (TLS).
func rawConn(conn net.Conn) syscall.RawConn {
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// write is one attempt of syscall.RawConn.Write: it never asks to wait for the descriptor.
func (s *shard) write(fd uintptr) bool {
	for s.n < len(s.out) {
		n, err := syscall.Write(int(fd), s.out[s.n:])
		switch err {
		case nil:
			s.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			s.err = err
			return true
		}
	}
	return true
}
