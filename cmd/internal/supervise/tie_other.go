//go:build !linux

package supervise

import (
	"os"
	"os/exec"
)

// tie asks a worker to end by an interrupt. sweep has nothing to do here: a worker that outlives a killed Headway waits
// for the next one.
func tie(cmd *exec.Cmd) (sweep func()) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return func() {}
}
