package rpcserver

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"google.golang.org/grpc/mem"
)

// readyConn is a limitedConn that takes a buffer only when data has arrived, so that idle connections have none. gRPC looks for this
// method. For other connections than those of net, it would not be right: those of TLS have data that the kernel no longer has.
type readyConn struct {
	*limitedConn
	raw syscall.RawConn
	// read is the argument of raw. It is created once, because it would be allocated for each read.
	read func(fd uintptr) bool
	// size and pool are what to read next, and buf, n, and err the result.
	size int
	pool mem.BufferPool
	buf  *[]byte
	n    int
	err  error
}

// whenReady returns the connection as one that waits without a buffer, if that is possible.
func whenReady(c *limitedConn) net.Conn {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	r := &readyConn{limitedConn: c, raw: raw}
	r.read = r.tryRead
	return r
}

// tryRead reads what has arrived. It reports whether that was anything, the end, or an error.
func (c *readyConn) tryRead(fd uintptr) bool {
	buf := c.pool.Get(c.size)
	for {
		c.n, c.err = syscall.Read(int(fd), *buf)
		if !errors.Is(c.err, syscall.EINTR) {
			break
		}
	}
	if c.n > 0 {
		c.buf = buf
		return true
	}
	c.pool.Put(buf)
	return !errors.Is(c.err, syscall.EAGAIN)
}

// ReadOnReady waits for data, and reads it into a buffer of the pool.
func (c *readyConn) ReadOnReady(size int, pool mem.BufferPool) (buf *[]byte, n int, err error) {
	c.size, c.pool, c.buf, c.n, c.err = size, pool, nil, 0, nil
	err = c.raw.Read(c.read)
	buf, n = c.buf, max(c.n, 0)
	switch {
	case buf != nil:
		return buf, n, nil
	case err != nil:
		return nil, 0, err
	case c.err != nil:
		return nil, 0, os.NewSyscallError("read", c.err)
	}
	return nil, 0, io.EOF
}
