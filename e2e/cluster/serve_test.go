//go:build cluster

package cluster

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestServeCluster runs the cluster until it is interrupted, for make cluster.
func TestServeCluster(t *testing.T) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	c := start(t, 1000)
	fmt.Printf("The cluster is at %s.\nSign in with the token %s\nThe jobs services are at %s, with the key %q.\nPress Ctrl-C to stop it.\n", c.url, c.token("ann"), c.jobs, secret)
	for _, n := range c.nodes {
		fmt.Printf("%-12s process %d\n", n.name, n.process.Pid())
	}
	<-ended
}
