package jobs_test

import (
	"errors"
	"io"
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestStoredOutputIsReadWithoutWaiting(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	token := w.lease(worker).GetLeaseToken()
	if _, err := worker.AppendOutput(t.Context(), &jobsv1.AppendOutputRequest{JobId: id, LeaseToken: token, Data: []byte("Once upon a time")}); err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[int64]string{0: "Once upon a time", 5: "upon a time", 16: ""} {
		stream, err := user.ReadOutput(t.Context(), &jobsv1.ReadOutputRequest{JobId: id, Offset: offset, StopAtEnd: true})
		text := ""
		for err == nil {
			var got *jobsv1.ReadOutputResponse
			got, err = stream.Recv()
			text += string(got.GetData())
		}
		if !errors.Is(err, io.EOF) || text != want {
			t.Errorf("from byte %d on: %q, %v", offset, text, err)
		}
	}
}
