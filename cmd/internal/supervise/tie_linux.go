package supervise

import (
	"os/exec"
	"syscall"
)

// tie makes a worker a process group of its own, so that a Ctrl-C at the terminal is Headway's to pass on, and in
// order. It is killed when Headway is, however that happens (prctl(2), PR_SET_PDEATHSIG). sweep ends what is left of the
// group after its leader.
func tie(cmd *exec.Cmd) (sweep func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nothing left
		}
	}
}
