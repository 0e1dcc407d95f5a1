//go:build !linux

package edge

import "net"

// moreQueues has nothing to offer elsewhere than on Linux: the one queue has to do.
func moreQueues(net.Listener, int) ([]net.Listener, error) { return nil, nil }
