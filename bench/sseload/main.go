//go:build linux

// Command sseload is the load generator of the streams' benchmarks, and the two servers that the edge is measured
// beside. Each runs in a process of its own, is told what to do by lines of JSON on its standard input, answers each
// with one on its standard output, and ends when the input does.
//
//	sseload clients  thousands of readers in one goroutine
//	sseload plain    a usual net/http handler for Server-Sent Events: one goroutine, one channel a stream
//	sseload floor    nothing but write(2) in a loop: what the kernel alone costs
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Command is one line of input. Op says what to do; the rest is what it takes.
type Command struct {
	// Op of clients: open, reopen, close, reset, report. Of servers: publish.
	Op string `json:"op"`
	// Count is how many streams to open.
	Count int `json:"count,omitempty"`
	// Window is how many connections may be under way at a time; 0 for all at once.
	Window int `json:"window,omitempty"`
	// Deaf streams are never read from behind their first bytes.
	Deaf bool `json:"deaf,omitempty"`
	// Targets is a file with one stream a line: a path, a tab and a token. Streams take the lines in turn, from that of
	// number Skip on.
	Targets string `json:"targets,omitempty"`
	Skip    int    `json:"skip,omitempty"`
	// Addr is the server's host:port.
	Addr string `json:"addr,omitempty"`
	// Data is a message to publish, as JSON.
	Data json.RawMessage `json:"data,omitempty"`
	// ID is its id.
	ID uint64 `json:"id,omitempty"`
}

// Report is one line of output.
type Report struct {
	// Addr is where a server answers; only in its first line.
	Addr string `json:"addr,omitempty"`
	// Open, Failed, Ended and Cut count streams: begun with their first state, refused or broken before that, ended by
	// the server as HTTP says, and ended otherwise.
	Open, Failed, Ended, Cut int
	// Draining counts the streams that were told of a shutdown.
	Draining int
	// Seconds that an open or reopen took, until every stream had its first state or had failed.
	Seconds float64
	// Messages are the updates that came since the last reset, Bytes all that came.
	Messages, Bytes int64
	// Latency counts updates by how long after their timestamp they came, in steps of a tenth of a millisecond.
	Latency map[int]int64
	// Last is when the last stream had an update, by its id: nanoseconds after its timestamp; Reached how many had it.
	Last    map[uint64]int64
	Reached map[uint64]int
	// Error says what went wrong first.
	Error string `json:",omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sseload clients|plain|floor < commands")
		os.Exit(2)
	}
	var run func(<-chan Command, func(Report)) error
	switch os.Args[1] {
	case "clients":
		run = runClients
	case "plain":
		run = runPlain
	case "floor":
		run = runFloor
	default:
		fmt.Fprintf(os.Stderr, "sseload: no such part: %s\n", os.Args[1])
		os.Exit(2)
	}
	commands := make(chan Command)
	go readCommands(commands)
	out := json.NewEncoder(os.Stdout)
	if err := run(commands, func(r Report) { _ = out.Encode(r) }); err != nil { // whoever does not listen gets nothing
		fmt.Fprintln(os.Stderr, "sseload:", err)
		os.Exit(1)
	}
}

func readCommands(commands chan<- Command) {
	defer close(commands)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var c Command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "sseload: read a command:", err)
			return
		}
		commands <- c
	}
}

// stamp gives a message a fresh timestamp.
func stamp(data json.RawMessage, id uint64) ([]byte, error) {
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	m["timestamp"], m["revision"] = time.Now().UTC().Format(time.RFC3339Nano), id
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "id: %d\ndata: %s\n\n", id, text), nil
}
