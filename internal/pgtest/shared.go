package pgtest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the server of all tests of a process.
var shared struct {
	sync.Mutex
	server *Server
}

// Shared returns a server that all tests of a package use, which is started by the first call. TestMain must use Main. The
// tests stop no machine, so the server does not wait for the disk. They create hundreds of small databases, which need no vacuum.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := Start("fsync=off", "full_page_writes=off", "autovacuum=off")
		if err != nil {
			tb.Fatal(err)
		}
		shared.server = s
	}
	return shared.server
}

// Main returns the tests of a package, which end the shared server after them.
func Main(m *testing.M) interface{ Run() int } { return tests{m} }

type tests struct{ m *testing.M }

func (t tests) Run() int {
	code := t.m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return code
	}
	if err := shared.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the PostgreSQL server of the tests:", err)
		return max(code, 1)
	}
	return code
}
