package stream

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// dropDeadPeer has the kernel give the connection up when what was sent stays unacknowledged for that long
// (TCP_USER_TIMEOUT, RFC 5482): a peer that vanished without a word would otherwise hold it for a quarter of an hour.
func dropDeadPeer(conn net.Conn, after time.Duration) {
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // best effort: without it only the discovery is slower
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(after.Milliseconds()))
	})
}
