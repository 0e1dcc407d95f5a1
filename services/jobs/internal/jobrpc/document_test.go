package jobrpc

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs/internal/job"
)

// nested returns a document with the given number of levels of objects, or of lists in an object.
func nested(t *testing.T, levels int, lists bool) *structpb.Struct {
	t.Helper()
	v := structpb.NewNumberValue(1)
	for range levels - 1 {
		if lists {
			v = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
		} else {
			v = structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"a": v}})
		}
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{"a": v}}
}

func TestDeepDocumentsAreRefused(t *testing.T) {
	for _, lists := range []bool{false, true} {
		text, err := fromDocument("payload", nested(t, maxDepth, lists), "")
		if err != nil {
			t.Errorf("%d levels, lists %v: %v", maxDepth, lists, err)
		}
		// Each submessage, map entries included, counts toward the limit of 100 of C++, Java, C# and Python.
		leased := &jobsv1.LeaseJobsResponse{Jobs: []*jobsv1.LeasedJob{{Job: toWhole(&job.Job{Payload: text})}}}
		wire, err := proto.Marshal(leased)
		if err != nil {
			t.Fatal(err)
		}
		if depth := wireDepth(wire); depth > 100-5 {
			t.Errorf("%d levels, lists %v: the response is nested %d deep", maxDepth, lists, depth)
		}
		_, err = fromDocument("payload", nested(t, maxDepth+1, lists), "")
		if invalid := (*job.InvalidError)(nil); !errors.As(err, &invalid) || invalid.Field != "payload" {
			t.Errorf("%d levels, lists %v: %v", maxDepth+1, lists, err)
		}
	}
}

// wireDepth returns how deep the messages of an encoded message are nested. A text could look like a message, so the
// documents of the test have texts of one letter only.
func wireDepth(b []byte) int {
	deepest := 0
	for len(b) > 0 {
		_, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(1, kind, b); n < 0 {
			return 0
		}
		if kind == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(b)
			if len(inner) > 1 {
				deepest = max(deepest, wireDepth(inner))
			}
		}
		b = b[n:]
	}
	return deepest + 1
}

func TestDocumentsAreStoredAsSent(t *testing.T) {
	for _, text := range []string{`{}`, ` { "b" : 9007199254740993 , "a":[1.0, 1e2, -0, 3.14159265358979323846] } `, `{"é":"\u00e9\u0000"}`} {
		stored, err := fromDocument("payload", nil, text)
		if err != nil || string(stored) != text {
			t.Errorf("%s is stored as %s, %v", text, stored, err)
		}
		if got := toWhole(&job.Job{Payload: stored}); got.GetPayloadJson() != text || got.GetPayload() == nil {
			t.Errorf("%s is returned as %v", text, got)
		}
	}
	levels := func(n int, open, end string) string {
		return `{"a":` + strings.Repeat(open, n-1) + "1" + strings.Repeat(end, n-1) + `}`
	}
	for _, text := range []string{levels(maxDepth, `{"a":`, "}"), levels(maxDepth, "[", "]")} {
		if _, err := fromDocument("payload", nil, text); err != nil {
			t.Errorf("%d levels: %v", maxDepth, err)
		}
	}
	for text, want := range map[string]string{
		``: "", `[]`: "not a JSON object", `1`: "not a JSON object", `{"a":1`: "not JSON", `{"a":01}`: "not JSON", `{} {}`: "text after",
		`{"a":1,"a":2}`: "twice", `{"b":[{"a":1,"a":2}]}`: "twice", `{"a":1e999}`: "larger than any double",
		levels(maxDepth+1, `{"a":`, "}"): "levels deep", levels(maxDepth+1, "[", "]"): "levels deep", levels(100_000, "[", "]"): "levels deep",
	} {
		_, err := fromDocument("payload", nil, text)
		if invalid := (*job.InvalidError)(nil); want == "" && err != nil || want != "" && (!errors.As(err, &invalid) || !strings.Contains(invalid.Problem, want)) {
			t.Errorf("%.60s gives %v, want %q", text, err, want)
		}
	}
	if _, err := fromDocument("payload", &structpb.Struct{}, "{}"); err == nil {
		t.Error("a document that is set twice is accepted")
	}
}

func TestSnapshotsHaveTextOnlyForInexactNumbers(t *testing.T) {
	for text, want := range map[string]bool{`{"a":9007199254740993}`: true, `{"a":[{"b":0.12345678901234567890}]}`: true,
		`{"a":9007199254740992,"b":1.5,"c":"9007199254740993"}`: false, ``: false} {
		got := toProto(&job.Job{Payload: json.RawMessage(text), Answer: json.RawMessage(text)})
		if (got.GetPayloadJson() != "") != want || (got.GetAnswerJson() != "") != want {
			t.Errorf("%s has the texts %q and %q", text, got.GetPayloadJson(), got.GetAnswerJson())
		}
	}
}
