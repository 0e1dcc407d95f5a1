//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// take reads the received bytes: the headers of the response, and then chunks (RFC 9112 §7.1) of complete events.
func (c *clients) take(r *reader, b []byte, now time.Time) error {
	if len(r.rest) > 0 {
		r.rest = append(r.rest, b...)
		b = r.rest
	}
	if !r.head {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			r.rest = bytes.Clone(b)
			return nil
		}
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
			line, _, _ := bytes.Cut(b, []byte("\r\n"))
			return fmt.Errorf("answered %s", line)
		}
		r.head, b = true, b[end+4:]
	}
	for len(b) > 0 {
		line := bytes.IndexByte(b, '\n')
		if line < 0 {
			break
		}
		size, err := strconv.ParseUint(string(bytes.TrimSuffix(b[:line], []byte("\r"))), 16, 31)
		if err != nil {
			return fmt.Errorf("a chunk's size: %w", err)
		}
		end := line + 1 + int(size) + 2
		if len(b) < end {
			break
		}
		if size == 0 {
			r.over = true
		} else {
			c.event(r, b[line+1:end-2], now)
		}
		b = b[end:]
	}
	r.rest = append(r.rest[:0:0], b...)
	return nil
}

var (
	updateType   = []byte(`"type":"job_update"`)
	initialType  = []byte(`"type":"initial_status"`)
	drainingType = []byte(`"type":"draining"`)
	timestampKey = []byte(`"timestamp":"`)
)

// event counts the events of one chunk.
func (c *clients) event(r *reader, b []byte, now time.Time) {
	for len(b) > 0 {
		e := b
		if end := bytes.Index(b, []byte("\n\n")); end >= 0 {
			e, b = b[:end], b[end+2:]
		} else {
			b = nil
		}
		id := r.lastID
		if rest, ok := bytes.CutPrefix(e, []byte("id: ")); ok {
			line, _, _ := bytes.Cut(rest, []byte("\n"))
			digits, _, _ := bytes.Cut(line, []byte("x"))
			id, _ = strconv.ParseUint(string(digits), 10, 64)
		}
		switch {
		case bytes.Contains(e, updateType):
			r.lastID = id
			c.arrived(id, e, now)
		case bytes.Contains(e, initialType):
			r.lastID = id
			if !r.begun {
				r.begun = true
				c.pending--
				c.report.Open++
			}
		case bytes.Contains(e, drainingType):
			c.report.Draining++
		}
	}
}

func (c *clients) arrived(id uint64, e []byte, now time.Time) {
	c.report.Messages++
	if id != c.stampID {
		_, rest, _ := bytes.Cut(e, timestampKey)
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		at, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil {
			return
		}
		c.stampID, c.stampAt = id, at
	}
	late := now.Sub(c.stampAt)
	c.report.Latency[int(late/(100*time.Microsecond))]++
	c.report.Last[id] = max(c.report.Last[id], int64(late))
	c.report.Reached[id]++
}
