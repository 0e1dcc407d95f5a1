package headway

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// order is a payload of a worker.
type order struct {
	Pages *int     `json:"pages"`
	Rate  *float64 `json:"rate"`
	Name  string   `json:"name"`
}

// TestStrictPayloadReadsWholeNumbersInAnyForm checks payloads that came as text, as services send them now, and as a Struct.
func TestStrictPayloadReadsWholeNumbersInAnyForm(t *testing.T) {
	for text, want := range map[string]string{
		`{"pages": 1000}`:                            `{"pages":1000,"rate":null,"name":""}`,
		`{"pages": 1e3, "rate": 1e3}`:                `{"pages":1000,"rate":1000,"name":""}`,
		`{"pages": 2.0, "rate": 2.5, "name": "1e3"}`: `{"pages":2,"rate":2.5,"name":"1e3"}`,
		`{"pages": -0.0}`:                            `{"pages":0,"rate":null,"name":""}`,
		`{}`:                                         `{"pages":7,"rate":null,"name":""}`,
		`{"pages": null}`:                            `{"pages":null,"rate":null,"name":""}`,
		`{"pages": 9007199254740993}`:                `{"pages":9007199254740993,"rate":null,"name":""}`,
		`{"pages": 2.5}`:                             "error",
		`{"pages": 1e400}`:                           "error",
		`{"pages": 9007199254740993.0}`:              "error", // a double doesn't hold it
		`{"pages": "3"}`:                             "error",
		`{"page": 3}`:                                `error json: unknown field "page"`,
	} {
		tasks := []*Task{{job: &jobsv1.Job{PayloadJson: text}}}
		var fields map[string]any
		if json.Unmarshal([]byte(text), &fields) == nil && !strings.Contains(text, "900719") {
			payload, err := structpb.NewStruct(fields)
			if err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, &Task{job: &jobsv1.Job{Payload: payload}})
		}
		for _, task := range tasks {
			pages := 7
			o := order{Pages: &pages}
			got := ""
			if err := task.StrictPayload(&o); err != nil {
				got = "error " + err.Error()
			} else if encoded, err := json.Marshal(o); err == nil {
				got = string(encoded)
			}
			if got != want && (want != "error" || !strings.HasPrefix(got, "error ")) {
				t.Errorf("%s gives %s, expected %s", text, got, want)
			}
		}
	}
	var o order
	if err := (&Task{job: &jobsv1.Job{}}).StrictPayload(&o); err != nil || o.Pages != nil {
		t.Errorf("without a payload: %v, %v", o, err)
	}
}
