// Package hostname parses the host names in addresses and Host headers.
package hostname

import (
	"net"
	"net/netip"
	"strings"
)

// WithoutPort returns the name in a Host header, without the port and without the brackets of an IPv6 address.
func WithoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// IsLoopback reports whether a name without port can mean only this machine: a loopback address, or localhost.
func IsLoopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}
