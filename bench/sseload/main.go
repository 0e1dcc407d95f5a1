//go:build linux

// Command sseload is the load generator for the benchmarks of streams, and the two servers that the edge is compared with. Each
// runs in a separate process. It reads commands as lines of JSON from its standard input, answers each with a line on its
// standard output, and ends when the input does.
//
//	sseload clients  thousands of readers in one goroutine
//	sseload plain    a typical net/http handler for Server-Sent Events: one goroutine and one channel per stream
//	sseload floor    only write(2) in a loop: the cost of the kernel alone
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Command is one line of input: an operation with its arguments.
type Command struct {
	// Op of clients: open, reopen, close, reset, report. Of servers: publish.
	Op string `json:"op"`
	// Count is the number of streams to open.
	Count int `json:"count,omitempty"`
	// Window is the maximum number of connections being opened at a time. 0 means no limit.
	Window int `json:"window,omitempty"`
	// Unread streams are never read after their first bytes.
	Unread bool `json:"unread,omitempty"`
	// Targets is a file with one stream per line: a path, a tab, and a token. Streams use the lines in turn, from line number
	// Skip on.
	Targets string `json:"targets,omitempty"`
	Skip    int    `json:"skip,omitempty"`
	// Addr is the host:port of the server.
	Addr string `json:"addr,omitempty"`
	// Data is a message to publish, as JSON.
	Data json.RawMessage `json:"data,omitempty"`
	// ID is its id.
	ID uint64 `json:"id,omitempty"`
}

// Report is one line of output.
type Report struct {
	// Addr is the address of a server, in its first line only.
	Addr string `json:"addr,omitempty"`
	// Open, Failed, Ended, and Cut count streams: with a first state, rejected or broken before that, ended by the server as
	// HTTP defines it, and ended otherwise.
	Open, Failed, Ended, Cut int
	// Draining counts the streams that were notified of a shutdown.
	Draining int
	// Seconds is the duration of an open or reopen, until every stream has its first state or has failed.
	Seconds float64
	// Messages counts the updates since the last reset. Bytes counts all received bytes.
	Messages, Bytes int64
	// Latency counts updates by the time from their timestamp to their arrival, in steps of 0.1 ms.
	Latency map[int]int64
	// Last is the time until the last stream has an update, by its ID, in nanoseconds after its timestamp. Reached is the number
	// of streams that have it.
	Last    map[uint64]int64
	Reached map[uint64]int
	// Error is the first error.
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
	if err := run(commands, func(r Report) { _ = out.Encode(r) }); err != nil { // a reader that has ended gets nothing
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

// stamp sets the timestamp of a message to now.
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
