package stall_test

import (
	"testing"
	"time"

	"headway/internal/stall"
)

func TestBytesRenewTheTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		every time.Duration
		bytes int
		// until is the wait in which the timeout elapses. 0 means never.
		until int
	}{
		"nothing":                        {20 * time.Second, 0, 3},
		"one byte at a time":             {20 * time.Second, 1, 3},
		"one byte per second":            {time.Second, 1, 60},
		"a slow line":                    {time.Second, 100, 0},
		"enough just before the end":     {59 * time.Second, 600, 0},
		"a byte too few before the end":  {59 * time.Second, 599, 2},
		"enough in two parts":            {29 * time.Second, 300, 0},
		"a wait that exceeds everything": {time.Hour, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			timeout, ended := stall.NewTimeout(time.Minute), 0
			for wait := 1; wait <= 1000; wait++ {
				if timeout.Left() <= test.every {
					ended = wait
					break
				}
				timeout.Waited(test.every, test.bytes)
			}
			if ended != test.until {
				t.Errorf("ended in wait %d, want %d", ended, test.until)
			}
		})
	}
}
