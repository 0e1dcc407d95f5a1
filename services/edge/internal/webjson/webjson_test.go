package webjson_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	edgev1 "headway/gen/go/headway/edge/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge/internal/webjson"
)

func TestMarshalWritesNamesNumbersAndZeros(t *testing.T) {
	payload, _ := structpb.NewStruct(map[string]any{"a b": "x \" y", "n": 1.5})
	got, err := webjson.Marshal(&jobsv1.Job{
		JobId: "j-1", Status: jobsv1.JobStatus_JOB_STATUS_ACTIVE, OutputBytes: 1 << 40, Payload: payload,
		Labels:    map[string]string{"b": "2", "a": "é<"},
		CreatedAt: timestamppb.New(time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)),
		Progress:  &jobsv1.Progress{Percent: 37.4, Steps: []*jobsv1.Step{{Name: "s", State: jobsv1.StepState_STEP_STATE_PENDING, Done: 12}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"jobId":"j-1","kind":"","owner":"","title":"","status":"active","revision":0,"attempt":0,"maxAttempts":0,"priority":0,` +
		`"labels":{"a":"é\u003c","b":"2"},"payload":{"a b":"x \" y","n":1.5},` +
		`"progress":{"percent":37.4,"message":"","currentStep":"","steps":[{"name":"s","title":"","group":"","weight":0,"state":"pending","done":12,"total":0,"unit":"","counters":{},"message":"","totalEstimated":false}],"rate":0,"stalled":false},` +
		`"cancelRequested":false,"queuePosition":0,"outputBytes":1099511627776,"createdAt":"2026-11-21T06:00:00Z","worker":"","limited":false}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid(got) {
		t.Error("not valid JSON")
	}
}

func TestMarshalOmitsUnsetOptionalFields(t *testing.T) {
	got, err := webjson.Marshal(&edgev1.StreamMessage{
		Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_JOB_UPDATE, Progress: proto.Float64(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"job_update","progress":0,"steps":[]}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMarshalRejectsNonFiniteNumbers(t *testing.T) {
	if got, err := webjson.Marshal(&jobsv1.Progress{Percent: math.NaN()}); err == nil {
		t.Errorf("NaN was written as %s", got)
	}
}

func TestMarshalAnyBeginsWithType(t *testing.T) {
	for want, m := range map[string]proto.Message{
		`{"@type":"type.googleapis.com/headway.imports.v1.Text","messageId":"phone","parameters":{}}`: &importsv1.Text{MessageId: "phone"},
		`{"@type":"type.googleapis.com/headway.jobs.v1.DeleteJobResponse"}`:                           &jobsv1.DeleteJobResponse{},
	} {
		if got, err := webjson.MarshalAny(m); err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

func TestUnmarshalAcceptsShortAndFullNames(t *testing.T) {
	for _, text := range []string{
		`{"statuses":["active","JOB_STATUS_FAILED"],"page_size":3}`,
		`{"statuses":["Active","job_status_failed"],"pageSize":3}`,
	} {
		var m jobsv1.ListJobsRequest
		if err := webjson.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := &jobsv1.ListJobsRequest{
			Statuses: []jobsv1.JobStatus{jobsv1.JobStatus_JOB_STATUS_ACTIVE, jobsv1.JobStatus_JOB_STATUS_FAILED}, PageSize: 3,
		}
		if !proto.Equal(&m, want) {
			t.Errorf("%s: got %v", text, &m)
		}
	}
}

func TestUnmarshalRejections(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown field": `{"nonsense":1}`, "an unknown word": `{"statuses":["lost"]}`,
		"broken JSON": `{"page_size":`, "text after the value": `{} {}`,
	} {
		if err := webjson.Unmarshal([]byte(text), &jobsv1.ListJobsRequest{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestUnmarshalReadsMarshalledMessages(t *testing.T) {
	want := &importsv1.Import{
		ImportId: "i", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, SizeBytes: 123456789012,
		Sheets: []*importsv1.SheetImport{{Name: "employees", State: jobsv1.StepState_STEP_STATE_COMPLETED, Counts: &importsv1.Counts{Read: 7}}},
	}
	text, err := webjson.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got importsv1.Import
	if err := webjson.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, want) {
		t.Errorf("got %v, want %v", &got, want)
	}
}

func TestQueryAcceptsShortNames(t *testing.T) {
	var m jobsv1.ListJobsRequest
	err := new(webjson.QueryParser).Parse(&m, url.Values{"statuses": {"queued", "active"}, "pageSize": {"2"}}, utilities.NewDoubleArray(nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.GetStatuses()) != 2 || m.GetStatuses()[1] != jobsv1.JobStatus_JOB_STATUS_ACTIVE || m.GetPageSize() != 2 {
		t.Errorf("got %v", &m)
	}
}

func TestErrorsNameFieldAndRule(t *testing.T) {
	for text, want := range map[string]string{
		`{"nonsense":1}`:                           "nonsense: There is no such field.",
		`{"statuses":["lost"]}`:                    "statuses[0]: It must be one of queued, active, waiting, completed, failed, cancelled.",
		`{"statuses":"active"}`:                    "statuses: It must be a list.",
		`{"kinds":[1]}`:                            "kinds[0]: It must be text.",
		`{"pageSize":"many"}`:                      "pageSize: It must be a whole number, 0 or more.",
		`{"pageSize":1.5}`:                         "pageSize: It must be a whole number, 0 or more.",
		`{"pageSize":5000000000}`:                  "pageSize: It must be a whole number, 0 or more.",
		`{"createdAfter":"yesterday"}`:             "createdAfter: It must be a time, for example 2026-01-31T08:00:00Z.",
		`{"createdAfter":"10000-01-01T00:00:00Z"}`: "createdAfter: It must be a time, for example 2026-01-31T08:00:00Z.",
		`{"kinds":["\xff"]}`:                       "body: It must be UTF-8 text.",
		`[]`:                                       "body: It must be an object, for example {}.",
		`{`:                                        "body: It must be JSON, but it ends too early.",
		`{"page_size":}`:                           "body: It must be JSON. There is an error at byte 13.",
	} {
		err := webjson.Unmarshal([]byte(strings.ReplaceAll(text, `\xff`, "\xff")), &jobsv1.ListJobsRequest{})
		var field *webjson.FieldError
		if !errors.As(err, &field) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
		if parsed, ok := webjson.ParseFieldError(want); !ok || parsed.Error() != want {
			t.Errorf("%s: parsed as %v", want, parsed)
		}
	}
	if err := webjson.Unmarshal([]byte("\ufeff{}"), &jobsv1.ListJobsRequest{}); err != nil {
		t.Errorf("after a byte order mark: %v", err)
	}
}

func TestQueryErrorsNameParameter(t *testing.T) {
	for query, want := range map[string]string{
		"kind=nope":               "kind: This call has no such parameter.",
		"page_size=-x":            "page_size: It must be a whole number, 0 or more.",
		"page_size=1&page_size=2": "page_size: It can be set only once.",
		"statuses=lost":           "statuses: It must be one of queued, active, waiting, completed, failed, cancelled.",
		"created_after=today":     "created_after: It must be a time, for example 2026-01-31T08:00:00Z.",
		"all_owners=1":            "all_owners: It must be true or false.",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		err = new(webjson.QueryParser).Parse(&jobsv1.ListJobsRequest{}, values, utilities.NewDoubleArray(nil))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", query, err, want)
		}
	}
}
