package supervise

import (
	"os/exec"
	"syscall"
)

// tie puts a worker into its own process group, so that Headway decides when a Ctrl-C at the terminal reaches it. The kernel
// kills the worker when Headway ends for any reason (prctl(2), PR_SET_PDEATHSIG). sweep ends processes of the group that
// remain after the worker.
func tie(cmd *exec.Cmd) (sweep func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually, none remain
		}
	}
}
