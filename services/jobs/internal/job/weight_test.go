package job

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestErrorOfWeightHasPlainNumbers(t *testing.T) {
	_, err := New(Spec{Kind: "crawl", Owner: "alice", Steps: []PlannedStep{{Name: "a", Weight: math.Inf(1)}}}, time.Now())
	var invalid *InvalidError
	if want := "needs a weight from 0 to 1000000"; !errors.As(err, &invalid) || invalid.Problem != want {
		t.Errorf("the error is %v, want %q", err, want)
	}
}
