package bench

import (
	"math"
	"os"
	"os/exec"
	"testing"
)

// TestEndedProcessIsCountedByItsParent ends a child between its listing and the reading of its time.
func TestEndedProcessIsCountedByItsParent(t *testing.T) {
	before, lists := cpuTime(t, os.Getpid(), 13, 14), 0
	sum := busyWithChildren(t, func() (first int, children []int) {
		lists++
		child := exec.Command("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
		if err := child.Run(); err != nil {
			t.Fatal(err)
		}
		return os.Getpid(), []int{child.Process.Pid, math.MaxInt32}
	})
	if own := cpuTime(t, os.Getpid(), 11, 12); lists != 1 || sum <= before || sum > cpuTime(t, os.Getpid(), 13, 14)+own {
		t.Errorf("after %d lists, the time is %v; that of children was %v before", lists, sum, before)
	}
}
