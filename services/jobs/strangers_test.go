package jobs_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/strangertest"
)

// TestStrangersLearnNothingByAnyCall calls every method of the service as strangers, about jobs that are active, waiting, and ended.
func TestStrangersLearnNothingByAnyCall(t *testing.T) {
	w := setup(t)
	ctx := t.Context()
	const secret = "private-text"
	ann, worker := w.user("ann"), w.worker()
	page, err := ann.CreateJobs(ctx, &jobsv1.CreateJobsRequest{Jobs: []*jobsv1.CreateJobRequest{
		privateJob(t, secret, "first"), privateJob(t, secret, "second"), privateJob(t, secret, "third"), privateJob(t, secret, "fourth"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	leased, err := worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: 3, LeaseSeconds: 300})
	if err != nil || len(leased.GetJobs()) != 3 {
		t.Fatalf("%v, %v", leased, err)
	}
	active, parked, failed := leased.GetJobs()[0], leased.GetJobs()[1], leased.GetJobs()[2]
	if _, err := worker.AppendOutput(ctx, &jobsv1.AppendOutputRequest{JobId: active.GetJob().GetJobId(), LeaseToken: active.GetLeaseToken(), Data: []byte(secret)}); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: parked.GetJob().GetJobId(), LeaseToken: parked.GetLeaseToken(),
		Question: document(t, map[string]any{"ask": secret})}); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.FailJob(ctx, &jobsv1.FailJobRequest{JobId: failed.GetJob().GetJobId(), LeaseToken: failed.GetLeaseToken(),
		Error: &jobsv1.JobError{Reason: "BROKEN", Message: secret}, Permanent: true}); err != nil {
		t.Fatal(err)
	}
	list, err := ann.ListJobs(ctx, &jobsv1.ListJobsRequest{PageSize: 1})
	if err != nil || list.GetNextPageToken() == "" {
		t.Fatalf("%v, %v", list, err)
	}
	names := func(id, lease string) strangertest.Names {
		return strangertest.Names{ID: id, LeaseToken: lease, RequestID: "first", PageToken: list.GetNextPageToken()}
	}
	guess := func(l *jobsv1.LeasedJob) string { return l.GetLeaseToken()[:len(l.GetLeaseToken())-1] + "?" }
	queued := page.GetResults()[3].GetJob().GetJobId()
	// The leases of the others change its position, with a delay.
	watch, err := ann.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: queued})
	if err != nil {
		t.Fatal(err)
	}
	for moved := false; !moved; {
		snapshot, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		moved = snapshot.GetJob().GetQueuePosition() == 0
	}
	token := func(id auth.Identity) string {
		t.Helper()
		signed, err := w.key.Sign(id, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	const (
		missing  = errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING
		notFound = errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND
		lost     = errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST
	)
	reasons := func(all ...errorsv1.ErrorReason) []errorsv1.ErrorReason { return all }
	strangertest.Run(t, strangertest.Config{
		Address: w.addr, Methods: methods(),
		Exist: []strangertest.Names{names(active.GetJob().GetJobId(), guess(active)), names(parked.GetJob().GetJobId(), guess(parked)),
			names(failed.GetJob().GetJobId(), guess(failed)), names(queued, "1.x")},
		Unknown: strangertest.Names{ID: "01890a5d-ac96-774b-bcce-b302099a8057", LeaseToken: "1.x", RequestID: "other"},
		Secrets: []string{secret},
		Callers: []strangertest.Caller{
			{Name: "no token", Reasons: reasons(errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING)},
			{Name: "another user", Token: token(auth.Identity{Subject: "bob"}), OK: true, Reasons: reasons(notFound, missing)},
			{Name: "another user who can only read", Token: token(auth.Identity{Subject: "bea", Scopes: []string{auth.ScopeRead}}), OK: true, Reasons: reasons(notFound, missing)},
			{Name: "another user without the scopes", Token: token(auth.Identity{Subject: "ben", Scopes: []string{auth.ScopeImport}, Kinds: []string{"other"}}), OK: true, Reasons: reasons(notFound, missing)},
			{Name: "a worker of another kind", Token: token(auth.Identity{Subject: "bot", Scopes: []string{auth.ScopeWorker}, Kinds: []string{"other"}}), OK: true, Reasons: reasons(notFound, missing, lost)},
			{Name: "a worker without the lease", Token: token(auth.Identity{Subject: "bus", Scopes: []string{auth.ScopeWorker}, Kinds: []string{}}), OK: true, Reasons: reasons(notFound, missing, lost)},
		},
		State: func(t *testing.T) string {
			t.Helper()
			all, err := ann.ListJobs(ctx, &jobsv1.ListJobsRequest{})
			if err != nil || len(all.GetJobs()) != 4 {
				t.Fatalf("%v, %v", all, err)
			}
			return prototext.Format(all)
		},
	})
}

func privateJob(t *testing.T, secret, request string) *jobsv1.CreateJobRequest {
	t.Helper()
	return &jobsv1.CreateJobRequest{Kind: "crawl", Title: secret, RequestId: request, Payload: document(t, map[string]any{"text": secret}),
		Labels: map[string]string{"private": secret}}
}

// methods are the calls of strangers.
func methods() map[string]strangertest.Method {
	type names = strangertest.Names
	one, own := strangertest.One, strangertest.Own
	batch := func(request func(n names) proto.Message) strangertest.Method {
		m := one(request)
		m.Own = true
		return m
	}
	const users, workers = "headway.jobs.v1.JobService.", "headway.jobs.v1.WorkerService."
	return map[string]strangertest.Method{
		users + "CreateJob": own(func(n names) proto.Message { return &jobsv1.CreateJobRequest{Kind: "other", RequestId: n.RequestID} }),
		users + "CreateJobs": own(func(n names) proto.Message {
			return &jobsv1.CreateJobsRequest{Jobs: []*jobsv1.CreateJobRequest{{Kind: "other", RequestId: n.RequestID}, {Kind: "other", Owner: "ann"}, {Kind: "other", JobId: n.ID}}}
		}),
		users + "GetJob":   one(func(n names) proto.Message { return &jobsv1.GetJobRequest{JobId: n.ID} }),
		users + "ListJobs": own(func(n names) proto.Message { return &jobsv1.ListJobsRequest{PageToken: n.PageToken} }),
		users + "WatchJob": one(func(n names) proto.Message { return &jobsv1.WatchJobRequest{JobId: n.ID} }),
		users + "WatchJobs": own(func(names) proto.Message {
			return &jobsv1.WatchJobsRequest{EndedAfter: timestamp(time.Unix(0, 0))}
		}),
		users + "CancelJob": one(func(n names) proto.Message { return &jobsv1.CancelJobRequest{JobId: n.ID} }),
		users + "RetryJob":  one(func(n names) proto.Message { return &jobsv1.RetryJobRequest{JobId: n.ID} }),
		users + "ResumeJob": one(func(n names) proto.Message { return &jobsv1.ResumeJobRequest{JobId: n.ID, AnswerJson: "{}"} }),
		users + "DeleteJob": one(func(n names) proto.Message { return &jobsv1.DeleteJobRequest{JobId: n.ID} }),
		users + "ChangeJobs": own(func(n names) proto.Message {
			return &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Kinds: []string{"crawl"}, RequestId: n.RequestID + ".change"}
		}),
		users + "ListKinds":  own(func(names) proto.Message { return &jobsv1.ListKindsRequest{} }),
		users + "ReadOutput": one(func(n names) proto.Message { return &jobsv1.ReadOutputRequest{JobId: n.ID, StopAtEnd: true} }),

		workers + "LeaseJobs": one(func(names) proto.Message {
			return &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, WaitSeconds: -1, MaxJobs: 100}
		}),
		workers + "Heartbeat": one(func(n names) proto.Message { return &jobsv1.HeartbeatRequest{JobId: n.ID, LeaseToken: n.LeaseToken} }),
		workers + "Heartbeats": batch(func(n names) proto.Message {
			return &jobsv1.HeartbeatsRequest{Heartbeats: []*jobsv1.HeartbeatRequest{{JobId: n.ID, LeaseToken: n.LeaseToken}}}
		}),
		workers + "AppendOutput": one(func(n names) proto.Message {
			return &jobsv1.AppendOutputRequest{JobId: n.ID, LeaseToken: n.LeaseToken, Data: []byte("x")}
		}),
		workers + "CompleteJob": one(func(n names) proto.Message { return &jobsv1.CompleteJobRequest{JobId: n.ID, LeaseToken: n.LeaseToken} }),
		workers + "CompleteJobs": batch(func(n names) proto.Message {
			return &jobsv1.CompleteJobsRequest{Jobs: []*jobsv1.CompleteJobRequest{{JobId: n.ID, LeaseToken: n.LeaseToken}}}
		}),
		workers + "FailJob": one(func(n names) proto.Message {
			return &jobsv1.FailJobRequest{JobId: n.ID, LeaseToken: n.LeaseToken, Error: &jobsv1.JobError{Reason: "X"}}
		}),
		workers + "ReleaseJob": one(func(n names) proto.Message { return &jobsv1.ReleaseJobRequest{JobId: n.ID, LeaseToken: n.LeaseToken} }),
		workers + "ParkJob": one(func(n names) proto.Message {
			return &jobsv1.ParkJobRequest{JobId: n.ID, LeaseToken: n.LeaseToken, Question: &structpb.Struct{}}
		}),
	}
}
