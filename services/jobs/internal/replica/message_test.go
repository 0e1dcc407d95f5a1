package replica

import (
	"reflect"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

func TestMessageHasTheStateOfAJob(t *testing.T) {
	at := time.UnixMicro(1764590400000000).UTC()
	want := state{
		job: job.Job{ID: "01a1fd1d-b0b1-7f3d-aee2-998f923b46f6", Owner: "ann", Kind: "media", CreatedAt: at, Revision: 7, Status: job.Active},
		due: at.Add(time.Second), moved: true, snapshot: make([]byte, 900),
	}
	message := appendState(number(text(nil, fieldSender, "one"), fieldSequence, 4), &want)
	got, err := parse(message)
	if err != nil {
		t.Fatal(err)
	}
	if got.sender != "one" || got.sequence != 4 || len(got.jobs) != 1 || !reflect.DeepEqual(got.jobs[0], want) {
		t.Errorf("the message has %+v, not %+v", got, want)
	}
}

// TestStateIsWrittenInPlace fails if a state is written to a buffer first, which costs more than the message.
func TestStateIsWrittenInPlace(t *testing.T) {
	s := state{job: job.Job{ID: "01a1fd1d-b0b1-7f3d-aee2-998f923b46f6", Owner: "ann", Kind: "media"}, snapshot: make([]byte, 900)}
	var message []byte
	if n := testing.AllocsPerRun(100, func() { message = appendState(message[:0], &s) }); n > 1 {
		t.Errorf("writing a state allocates %v times", n)
	}
}
