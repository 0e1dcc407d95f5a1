//go:build !linux

package edge

import "net"

// moreQueues does nothing on systems other than Linux, where one queue must be enough.
func moreQueues(net.Listener, int) ([]net.Listener, error) { return nil, nil }

func limitUnsent(net.Conn) {}
