//go:build !linux

package supervise

import (
	"os"
	"os/exec"
)

// tie stops a worker with an interrupt. sweep does nothing: a worker that outlives a killed Headway waits for the next
// one.
func tie(cmd *exec.Cmd) (sweep func()) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return func() {}
}
