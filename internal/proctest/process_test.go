package proctest_test

import (
	"errors"
	"os/exec"
	"testing"

	"headway/internal/proctest"
)

func TestProcessEndsOnceWithOneResult(t *testing.T) {
	p := proctest.Start(t, exec.Command("sleep", "3600"))
	select {
	case <-p.Ended():
		t.Fatal("it has ended")
	default:
	}
	killed := p.Kill()
	var exit *exec.ExitError
	if !errors.As(killed, &exit) || exit.Exited() {
		t.Errorf("killed: %v", killed)
	}
	<-p.Ended()
	if err := p.Wait(); err != killed {
		t.Errorf("waited: %v", err)
	}
	if err := p.Kill(); err != killed {
		t.Errorf("killed again: %v", err)
	}
}
