package jobrpc

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs/internal/job"
)

// nested returns a document with so many levels of objects, or of lists in an object.
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
		text, err := fromStruct("payload", nested(t, maxDepth, lists))
		if err != nil {
			t.Errorf("%d levels, lists %v: %v", maxDepth, lists, err)
		}
		// Each submessage, map entries included, counts towards the limit of 100 of C++, Java, C# and Python.
		leased := &jobsv1.LeaseJobsResponse{Jobs: []*jobsv1.LeasedJob{{Job: toProto(&job.Job{Payload: text})}}}
		wire, err := proto.Marshal(leased)
		if err != nil {
			t.Fatal(err)
		}
		if depth := wireDepth(wire); depth > 100-5 {
			t.Errorf("%d levels, lists %v: the response is nested %d deep", maxDepth, lists, depth)
		}
		_, err = fromStruct("payload", nested(t, maxDepth+1, lists))
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
