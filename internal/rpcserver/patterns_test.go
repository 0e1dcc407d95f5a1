package rpcserver

import (
	"strings"
	"testing"

	rules "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestErrorsSayPatternsInWords(t *testing.T) {
	for _, c := range []struct {
		err   error
		words string
	}{
		{Validate(&jobsv1.CreateJobRequest{Kind: "a b"}), "kind: must have 1 to 63 characters: letters"},
		{Validate(&jobsv1.CreateJobRequest{Kind: "a", RequestId: "ü"}), "request_id: must have at most 128 characters"},
		{Validate(&jobsv1.CreateJobRequest{Kind: "a", Labels: map[string]string{"?": ""}}), "must have 1 to 253 characters"},
		{Validate(&jobsv1.ListJobsRequest{Labels: []string{"team"}}), "labels[0]: must be a name and a value, such as team=search"},
		{Validate(&importsv1.SaveMappingRequest{Schema: "s", Name: "a/b"}), "name: must have 1 to 100 characters, without a slash"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.words) || strings.Contains(c.err.Error(), "regex") {
			t.Errorf("the error is %v, want %q", c.err, c.words)
		}
	}
}

func TestEachPatternHasWords(t *testing.T) {
	found := 0
	check := func(name protoreflect.FullName, field *rules.FieldRules) {
		for _, r := range []*rules.FieldRules{field, field.GetRepeated().GetItems(), field.GetMap().GetKeys(), field.GetMap().GetValues()} {
			if pattern := r.GetString().GetPattern(); pattern != "" {
				found++
				if inWords[pattern] == "" {
					t.Errorf("%s has the pattern %s, which is not in patterns.go", name, pattern)
				}
			}
		}
	}
	var walk func(all protoreflect.MessageDescriptors)
	walk = func(all protoreflect.MessageDescriptors) {
		for i := range all.Len() {
			fields := all.Get(i).Fields()
			for k := range fields.Len() {
				field, err := protovalidate.ResolveFieldRules(fields.Get(k))
				if err != nil {
					t.Fatal(err)
				}
				check(fields.Get(k).FullName(), field)
			}
			walk(all.Get(i).Messages())
		}
	}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(file.Package()), "headway.") {
			walk(file.Messages())
		}
		return true
	})
	if found == 0 {
		t.Error("no pattern was found")
	}
}
