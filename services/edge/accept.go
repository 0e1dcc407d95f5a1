package edge

import (
	"errors"
	"net"
	"syscall"

	"headway/internal/alarm"
)

// acceptor is a listener that detects when the process has no descriptors left for new connections.
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
	return conn, err
}
