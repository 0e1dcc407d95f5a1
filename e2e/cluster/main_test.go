// Package cluster tests two of each service, with their databases and a load balancer, as processes, while they are killed,
// stopped, frozen, disconnected, and slowed at random.
package cluster

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"headway/internal/pgtest"
	"headway/internal/proctest"
)

// natsVariable is the address of a NATS server. The test's program is that server if it is set.
const natsVariable = "HEADWAY_TEST_NATS_LISTEN"

var programs string // the folder of the services' programs

func TestMain(m *testing.M) {
	if address := os.Getenv(natsVariable); address != "" {
		if err := serveNATS(address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if programs, err = os.MkdirTemp("", "headway-cluster-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(programs)
	if err := proctest.Build(programs, "headway/cmd/jobs", "headway/cmd/importer", "headway/cmd/edge", "headway/cmd/headway"); err != nil {
		return 1, err
	}
	return pgtest.Main(m).Run(), nil
}

func serveNATS(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{Host: host, Port: n, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	s.Start()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
	s.Shutdown()
	return nil
}

func writeFile(t *testing.T, folder, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
