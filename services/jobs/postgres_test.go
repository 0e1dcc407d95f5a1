package jobs_test

import (
	"os"
	"os/exec"
	"testing"
)

// onBothAlready are the tests that choose their stores themselves, and this one.
const onBothAlready = "ChangeAfterStepBack|LosesNothingAcknowledged|CallsAreLinearizable|ServiceBehavesLikeTheModel|ClientsOfPreviousRelease|Replica|TestServiceOnPostgreSQL"

// TestServiceOnPostgreSQL runs the tests of the service again, with setup on PostgreSQL.
func TestServiceOnPostgreSQL(t *testing.T) {
	args := []string{"-postgres", "-test.timeout=15m", "-test.skip", onBothAlready}
	if testing.Verbose() {
		args = append(args, "-test.v")
	}
	out, err := exec.CommandContext(t.Context(), os.Args[0], args...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
