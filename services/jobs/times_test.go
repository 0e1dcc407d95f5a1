package jobs_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// TestTimesOutOfRangeAreRefused sends times that protobuf does not allow. Readers would reject each response with such a time, even if
// it has other jobs.
func TestTimesOutOfRangeAreRefused(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user := w.user("alice")
		for name, at := range map[string]*timestamppb.Timestamp{
			"year 10000": {Seconds: 253402300800}, "year 0": {Seconds: -62135596801}, "more than 64 bits of nanoseconds": {Seconds: 1 << 62},
			"negative nanoseconds": {Seconds: 1, Nanos: -1}, "a second of nanoseconds": {Seconds: 1, Nanos: 1e9},
		} {
			t.Run(name, func(t *testing.T) {
				for _, r := range []*jobsv1.CreateJobRequest{{Kind: "crawl", NotBefore: at}, {Kind: "crawl", Deadline: at}} {
					_, err := user.CreateJob(t.Context(), r)
					wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
					all, err := user.CreateJobs(t.Context(), &jobsv1.CreateJobsRequest{Jobs: []*jobsv1.CreateJobRequest{{Kind: "crawl"}, r}})
					if err != nil || all.GetResults()[0].GetJob() == nil || all.GetResults()[1].GetError().GetReason() != "REQUEST_INVALID" {
						t.Errorf("the batch has the results %v, %v", all, err)
					}
				}
				for _, r := range []*jobsv1.ListJobsRequest{{CreatedAfter: at}, {CreatedBefore: at}} {
					_, err := user.ListJobs(t.Context(), r)
					wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
				}
				for _, r := range []*jobsv1.ChangeJobsRequest{{CreatedAfter: at}, {CreatedBefore: at}} {
					r.Change = jobsv1.JobChange_JOB_CHANGE_CANCEL
					_, err := user.ChangeJobs(t.Context(), r)
					wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
				}
				stream, err := user.WatchJobs(t.Context(), &jobsv1.WatchJobsRequest{EndedAfter: at})
				if err == nil {
					_, err = stream.Recv()
				}
				wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
			})
		}
		last := &timestamppb.Timestamp{Seconds: 253402300799, Nanos: 999999000}
		j := w.create(user, &jobsv1.CreateJobRequest{NotBefore: last, Deadline: last})
		if !j.GetNotBefore().AsTime().Equal(last.AsTime()) || !j.GetDeadline().AsTime().Equal(last.AsTime()) {
			t.Errorf("the last time of the year 9999 became %v and %v", j.GetNotBefore().AsTime(), j.GetDeadline().AsTime().Format(time.RFC3339Nano))
		}
	})
}
