//go:build !linux

package supervise

import (
	"os"
	"os/exec"
)

// tie stops a worker with an interrupt. sweep does nothing. If Headway is killed, its workers continue, and wait for
// the next Headway.
func tie(cmd *exec.Cmd) (sweep func()) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return func() {}
}
