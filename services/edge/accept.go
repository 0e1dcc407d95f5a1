package edge

import (
	"errors"
	"net"
	"syscall"

	"headway/internal/alarm"
)

// maxUnsent limits the bytes that the kernel buffers for a peer before they are sent. Without it, a peer that does not
// read can make it buffer megabytes, and a slow one is judged only when a third of them is sent.
const maxUnsent = 64 << 10

// acceptor is a listener that prepares new connections, and detects when the process has no descriptors left for them.
type acceptor struct {
	net.Listener
	exhausted *alarm.Alarm
}

// Accept implements net.Listener.
func (a acceptor) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		a.exhausted.Note(err)
	}
	if err == nil {
		limitUnsent(conn)
	}
	return conn, err
}
