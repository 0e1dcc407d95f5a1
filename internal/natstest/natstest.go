// Package natstest starts a NATS server for tests.
package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Start starts a server in this process, on a free port of 127.0.0.1, and returns its address. It ends with the test. change, if set, adjusts
// its options.
func Start(tb testing.TB, change ...func(*server.Options)) (address string) {
	tb.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}
	for _, c := range change {
		c(options)
	}
	s, err := server.NewServer(options)
	if err != nil {
		tb.Fatal(err)
	}
	s.Start()
	tb.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		tb.Fatal("the NATS server does not accept connections")
	}
	return s.Addr().String()
}
