package webjson

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	edgev1 "headway/gen/go/headway/edge/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestJSONThatWouldChangeIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": 9007199254740992, "b": -9007199254740992, "c": 1e21, "d": 100000000000000000000}`:         "",
		`{"a": 0.1, "b": 0.10000000000000001, "c": 1.7976931348623157e308, "d": 1.50000000000000000000}`: "",
		`{"a": [9007199254740993]}`:       "9007199254740993 would become 9007199254740992",
		`{"a": 12345678901234567890}`:     "12345678901234567890 would become 12345678901234567000",
		`{"a": 3.14159265358979323846}`:   "would become 3.141592653589793",
		`{"a": 1e999}`:                    "number 1e999 is too large",
		`{"a": 1, "b": {"c": 2, "c": 3}}`: `the name "c" twice`,
		`{"a": 1} {}`:                     "text after the value",
		`{"a": [1, 2}`:                    "error at byte 11",
		`{"a": `:                          "ends too early",
		strings.Repeat(`{"a":`, 101) + `1` + strings.Repeat(`}`, 101): "levels deep",
	} {
		err := Unmarshal([]byte(text), new(structpb.Struct))
		if want == "" {
			if err != nil {
				t.Errorf("%.60s: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

func TestDocumentsWithTextKeepTheirNumbers(t *testing.T) {
	const document = `{"id":9007199254740993,"pi":3.14159265358979323846,"b":1,"a":[12345678901234567890]}`
	var m jobsv1.CreateJobRequest
	if err := Unmarshal([]byte(`{"kind":"crawl","payload": `+strings.ReplaceAll(document, ",", ",\n  ")+`}`), &m); err != nil {
		t.Fatal(err)
	}
	if m.GetPayloadJson() != document || m.GetPayload() != nil {
		t.Errorf("the request is %v", &m)
	}
	text, err := Marshal(&jobsv1.Job{JobId: "a", PayloadJson: strings.ReplaceAll(document, ",", ",\n")})
	if err != nil || !strings.Contains(string(text), `"payload":`+document) || strings.Contains(string(text), "payloadJson") {
		t.Errorf("the job is %s, %v", text, err)
	}
	set, err := MarshalSet(&edgev1.StreamMessage{ResultJson: document})
	if err != nil || !strings.Contains(string(set), `"result":`+document) {
		t.Errorf("the message is %s, %v", set, err)
	}
	for text, want := range map[string]string{
		`{"payloadJson": "{}"}`:          "no such field",
		`{"payload": {"a": 1, "a": 2}}`:  `the name "a" twice`,
		`{"payload": []}`:                "must be an object",
		`{"priority": 9007199254740993}`: "whole number",
	} {
		if err := Unmarshal([]byte(text), &m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v", text, err)
		}
	}
}
