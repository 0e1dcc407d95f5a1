//go:build !linux

package stream

import (
	"net"
	"time"
)

// dropDeadPeer leaves it to the system's own TCP timeouts.
func dropDeadPeer(net.Conn, time.Duration) {}
