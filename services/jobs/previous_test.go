package jobs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"headway/internal/auth"
)

// previous is a client of the previous release: it knows the messages and methods of that release only.
type previous struct {
	t     *testing.T
	files *protoregistry.Files
	conn  *grpc.ClientConn
}

// previousProtos returns the protos of the previous release.
func previousProtos(t *testing.T) *protoregistry.Files {
	t.Helper()
	packed, err := os.ReadFile("testdata/previous-protos.binpb.gz")
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (p *previous) method(name string) (path string, method protoreflect.MethodDescriptor) {
	p.t.Helper()
	d, err := p.files.FindDescriptorByName(protoreflect.FullName("headway.jobs.v1." + name))
	if err != nil {
		p.t.Fatal(err)
	}
	service, call, _ := strings.Cut(name, ".")
	return "/headway.jobs.v1." + service + "/" + call, d.(protoreflect.MethodDescriptor)
}

// decode returns a response as JSON. It has only fields that the previous release knows.
func (p *previous) decode(m proto.Message) map[string]any {
	p.t.Helper()
	text, err := protojson.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		p.t.Fatal(err)
	}
	return fields
}

func (p *previous) request(method protoreflect.MethodDescriptor, request string) proto.Message {
	p.t.Helper()
	in := dynamicpb.NewMessage(method.Input())
	if err := protojson.Unmarshal([]byte(request), in); err != nil {
		p.t.Fatalf("%s: %v", request, err)
	}
	return in
}

// call makes a call, such as "JobService.CreateJob", whose request is JSON.
func (p *previous) call(name, request string) map[string]any {
	p.t.Helper()
	path, method := p.method(name)
	out := dynamicpb.NewMessage(method.Output())
	if err := p.conn.Invoke(p.t.Context(), path, p.request(method, request), out); err != nil {
		p.t.Fatalf("%s %s: %v", name, request, err)
	}
	return p.decode(out)
}

// stream makes a call whose response is a stream, and returns its messages up to the end, or up to the first with the field.
func (p *previous) stream(name, request, until string) (all []map[string]any) {
	p.t.Helper()
	path, method := p.method(name)
	stream, err := p.conn.NewStream(p.t.Context(), &grpc.StreamDesc{ServerStreams: true}, path)
	if err == nil {
		err = stream.SendMsg(p.request(method, request))
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		out := dynamicpb.NewMessage(method.Output())
		if err = stream.RecvMsg(out); err == nil {
			all = append(all, p.decode(out))
			if all[len(all)-1][until] != nil {
				return all
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		p.t.Fatalf("%s %s: %v", name, request, err)
	}
	return all
}

// get returns a value inside decoded JSON.
func get(t *testing.T, value any, path ...any) any {
	t.Helper()
	for _, key := range path {
		switch key := key.(type) {
		case string:
			value = value.(map[string]any)[key]
		case int:
			value = value.([]any)[key]
		}
	}
	return value
}

func TestClientsOfPreviousReleaseWork(t *testing.T) {
	files := previousProtos(t)
	onBothStores(t, func(t *testing.T, w *world) {
		p := &previous{t: t, files: files, conn: w.conn("alice", auth.ScopeService)}
		want := func(what string, got, want any) {
			t.Helper()
			if got != want {
				t.Errorf("%s is %v, want %v", what, got, want)
			}
		}
		create := func(title string) (id string) {
			t.Helper()
			resp := p.call("JobService.CreateJob", `{"kind":"crawl","title":"`+title+`","payload":{"n":3,"deep":{"list":[1,"two",null]}},"labels":{"team":"search"},
				"steps":[{"name":"fetch","total":2}],"requestId":"`+title+`"}`)
			want("the status", get(t, resp, "job", "status"), "JOB_STATUS_QUEUED")
			return get(t, resp, "job", "jobId").(string)
		}
		lease := func() (id, token string) {
			t.Helper()
			resp := p.call("WorkerService.LeaseJobs", `{"kinds":["crawl"],"maxJobs":1,"waitSeconds":5,"worker":"old"}`)
			want("the payload", get(t, resp, "jobs", 0, "job", "payload", "deep", "list", 1), "two")
			return get(t, resp, "jobs", 0, "job", "jobId").(string), get(t, resp, "jobs", 0, "leaseToken").(string)
		}
		as := func(id, token, more string) string {
			return `{"jobId":"` + id + `","leaseToken":"` + token + `"` + more + `}`
		}
		id := create("one")
		got, token := lease()
		want("the leased job", got, id)
		beat := p.call("WorkerService.Heartbeat", as(id, token, `,"progress":{"message":"half","steps":[{"name":"fetch","state":"STEP_STATE_ACTIVE","done":1}]},"checkpoint":"AQ=="`))
		want("the heartbeat's interval", beat["reportSeconds"] != nil, true)
		want("the output's length", p.call("WorkerService.AppendOutput", as(id, token, `,"data":"aGVsbG8="`))["outputBytes"], "5")
		want("the parked job", get(t, p.call("WorkerService.ParkJob", as(id, token, `,"question":{"text":"Continue?"}`)), "job", "status"), "JOB_STATUS_WAITING")
		want("the question", get(t, p.call("JobService.GetJob", `{"jobId":"`+id+`"}`), "job", "question", "text"), "Continue?")
		p.call("JobService.ResumeJob", `{"jobId":"`+id+`","answer":{"yes":true}}`)
		_, token = lease()
		p.call("WorkerService.ReleaseJob", as(id, token, ""))
		_, token = lease()
		p.call("WorkerService.FailJob", as(id, token, `,"error":{"reason":"SITE_DOWN","message":"It is down."},"permanent":true`))
		want("the retried job", get(t, p.call("JobService.RetryJob", `{"jobId":"`+id+`"}`), "job", "status"), "JOB_STATUS_QUEUED")
		_, token = lease()
		p.call("WorkerService.CompleteJob", as(id, token, `,"result":{"pages":12},"progress":{"message":"done","steps":[{"name":"fetch","state":"STEP_STATE_COMPLETED"}]}`))
		seen := p.stream("JobService.WatchJob", `{"jobId":"`+id+`"}`, "")
		want("the result", get(t, seen[len(seen)-1], "job", "result", "pages"), 12.0)
		want("the steps", get(t, seen[len(seen)-1], "job", "progress", "steps", 0, "state"), "STEP_STATE_COMPLETED")
		output := p.stream("JobService.ReadOutput", `{"jobId":"`+id+`"}`, "")
		want("the output", get(t, output[0], "data"), "aGVsbG8=")

		other := create("two")
		want("the cancelled job", get(t, p.call("JobService.CancelJob", `{"jobId":"`+other+`"}`), "job", "status"), "JOB_STATUS_CANCELLED")
		list := p.call("JobService.ListJobs", `{"kinds":["crawl"],"statuses":["JOB_STATUS_COMPLETED"],"labels":["team=search"]}`)
		want("the listed job", get(t, list, "jobs", 0, "jobId"), id)
		all := p.stream("JobService.WatchJobs", `{"kinds":["crawl"],"endedAfter":"2020-01-01T00:00:00Z"}`, "synced")
		jobs := 0
		for _, message := range all {
			if some, ok := message["jobs"].([]any); ok {
				jobs += len(some)
			}
		}
		want("the number of watched jobs", jobs, 2)
		want("the kind with a worker", get(t, p.call("JobService.ListKinds", `{}`), "kinds", 0), "crawl")
		p.call("JobService.DeleteJob", `{"jobId":"`+other+`"}`)
		want("the number of jobs", len(get(t, p.call("JobService.ListJobs", `{}`), "jobs").([]any)), 1)
	})
}
