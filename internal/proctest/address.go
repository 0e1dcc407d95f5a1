package proctest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports below those that systems give to outgoing connections and to listeners on port 0, so that neither takes the
// port of a program that is still starting, or that restarts.
const firstPort, endPort = 12000, 22000

// reservationOffset leads from a port to the UDP port that marks it as taken. Servers may use the UDP port with the same number.
const reservationOffset = 10000

// FreeAddress returns a host:port on loopback for another program to listen on. No other test gets it before tb ends.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	address, release, err := ReserveAddress()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(release)
	return address
}

// ReserveAddress returns a host:port on loopback for another program to listen on. No test, also of another process,
// gets it before release is called.
func ReserveAddress() (address string, release func(), err error) {
	for range 1000 {
		port := firstPort + rand.IntN(endPort-firstPort)
		// The UDP port isn't used for anything else. It belongs to the first process that binds it, until that ends.
		reservation, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", fmt.Sprintf("127.0.0.1:%d", port+reservationOffset))
		if err != nil {
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		lis, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if err != nil {
			reservation.Close()
			continue
		}
		lis.Close()
		return address, func() { reservation.Close() }, nil
	}
	return "", nil, errors.New("no port is free")
}
