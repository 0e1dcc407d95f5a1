package jobrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/jsonnum"
	"headway/services/jobs/internal/job"
)

// A document (payload, result, question, or answer) is stored as the JSON text that was sent. The contract has it twice: as that
// text, and as a google.protobuf.Struct, which all protobuf runtimes read, but whose numbers are doubles.

// maxDepth is how deep the objects and lists of a document can be nested. The protobuf runtimes of most languages read 100
// nested messages, and each object takes three. A job is inside two or three messages, and a user's own messages can be
// around those. A response with a deeper document could not be read, nor the other jobs in it.
const maxDepth = 30

// maxStruct is the maximum size of a document as a Struct, in bytes. gRPC clients accept messages of 4 MiB, and a Struct can take
// seven times the bytes of its text.
const maxStruct = 2 << 20

func tooDeep(field string) error {
	return &job.InvalidError{Field: field, Problem: fmt.Sprintf(
		"is nested more than %d levels deep. Many protobuf runtimes can't read that. Use fewer levels, or a text that contains JSON", maxDepth)}
}

// fromDocument returns a document of a request in its stored form: the text as it is, or the Struct as text. It refuses a request
// that has both, deep nesting, names that an object has twice, and numbers that are larger than any double.
func fromDocument(field string, s *structpb.Struct, text string) (json.RawMessage, error) {
	switch {
	case s != nil && text != "":
		return nil, &job.InvalidError{Field: field, Problem: "is set twice, as " + field + " and as " + field + "_json. Set only one of them"}
	case text != "":
		if err := checkText(field+"_json", text); err != nil {
			return nil, err
		}
		return json.RawMessage(text), nil
	}
	return fromStruct(field, s)
}

// checkText returns an error unless the text is a JSON object that every reader understands the same way.
func checkText(field, text string) error {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	c := &textCheck{Decoder: decoder, field: field}
	first, err := decoder.Token()
	switch {
	case err != nil:
		return c.syntax(err)
	case first != json.Delim('{'):
		return &job.InvalidError{Field: field, Problem: "is not a JSON object. It must start with { and end with }"}
	}
	if err := c.object(maxDepth); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return &job.InvalidError{Field: field, Problem: "has text after the JSON object"}
	}
	return nil
}

// textCheck checks a JSON text.
type textCheck struct {
	*json.Decoder
	field string
}

func (c *textCheck) syntax(err error) error {
	if known := (*job.InvalidError)(nil); errors.As(err, &known) {
		return err
	}
	return &job.InvalidError{Field: c.field, Problem: fmt.Sprintf("is not JSON. There is an error at byte %d", c.InputOffset())}
}

// object checks an object whose opening brace was read. left is how many levels are allowed from here on.
func (c *textCheck) object(left int) error {
	names := map[string]bool{}
	for c.More() {
		token, err := c.Token()
		if err != nil {
			return c.syntax(err)
		}
		name, _ := token.(string) // the decoder accepts no other token here
		if names[name] {
			return &job.InvalidError{Field: c.field, Problem: fmt.Sprintf("has an object with the name %.100q twice. Readers would not agree on its value", name)}
		}
		names[name] = true
		if err := c.value(left - 1); err != nil {
			return err
		}
	}
	_, err := c.Token() // the closing brace
	if err != nil {
		return c.syntax(err)
	}
	return nil
}

func (c *textCheck) value(left int) error {
	token, err := c.Token()
	if err != nil {
		return c.syntax(err)
	}
	switch token := token.(type) {
	case json.Number:
		var large *jsonnum.TooLargeError
		if errors.As(jsonnum.Check(token.String()), &large) {
			return &job.InvalidError{Field: c.field, Problem: fmt.Sprintf("has the number %.100s, which is larger than any double. Send it as a string", token)}
		}
	case json.Delim:
		if left <= 0 {
			return tooDeep(c.field)
		}
		if token == '{' {
			return c.object(left)
		}
		for c.More() {
			if err := c.value(left - 1); err != nil {
				return err
			}
		}
		if _, err := c.Token(); err != nil { // the closing bracket
			return c.syntax(err)
		}
	}
	return nil
}

// fromStruct returns a document as text. It refuses numbers that JSON cannot represent, and deep nesting.
func fromStruct(field string, s *structpb.Struct) (json.RawMessage, error) {
	if s == nil {
		return nil, nil
	}
	if structTooDeep(s, maxDepth) {
		return nil, tooDeep(field)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it would count against the size limit
	if err := encoder.Encode(s.AsMap()); err != nil {
		return nil, &job.InvalidError{Field: field, Problem: fmt.Sprintf("can't be written as JSON: %v", err)}
	}
	return bytes.TrimSpace(text.Bytes()), nil
}

// structTooDeep reports whether objects and lists are nested deeper than left levels.
func structTooDeep(s *structpb.Struct, left int) bool {
	if left == 0 {
		return true
	}
	for _, v := range s.GetFields() {
		if valueTooDeep(v, left-1) {
			return true
		}
	}
	return false
}

func valueTooDeep(v *structpb.Value, left int) bool {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StructValue:
		return structTooDeep(kind.StructValue, left)
	case *structpb.Value_ListValue:
		if left == 0 {
			return true
		}
		for _, item := range kind.ListValue.GetValues() {
			if valueTooDeep(item, left-1) {
				return true
			}
		}
	}
	return false
}

// toDocument returns a stored document as a Struct, and as text if always is set, or if the Struct does not hold all of its numbers.
// Both are empty if there is none.
func toDocument(document json.RawMessage, always bool) (s *structpb.Struct, text string) {
	if len(document) == 0 {
		return nil, ""
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, "" // cannot happen: only texts that were checked are stored
	}
	exact := true
	s = &structpb.Struct{Fields: make(map[string]*structpb.Value, len(fields))}
	for name, value := range fields {
		s.Fields[name] = toValue(value, &exact)
	}
	if always || !exact {
		text = string(document)
	}
	return s, text
}

// addLarge adds the document that is too large for the job's snapshot: the question of a waiting job, or the result.
func addLarge(j *jobsv1.Job, large json.RawMessage) {
	document, text := toDocument(large, true)
	if proto.Size(document) > maxStruct {
		document = nil // the text has it
	}
	if j.QuestionBytes != nil {
		j.Question, j.QuestionJson = document, text
	} else {
		j.Result, j.ResultJson = document, text
	}
}

// toValue returns a decoded value. It clears exact if a double does not hold one of its numbers.
func toValue(value any, exact *bool) *structpb.Value {
	switch value := value.(type) {
	case json.Number:
		if len(value) > 15 && jsonnum.Check(value.String()) != nil {
			*exact = false
		}
		f, err := value.Float64()
		if err != nil { // larger than any double: from a version that did not check
			return structpb.NewStringValue(value.String())
		}
		return structpb.NewNumberValue(f)
	case map[string]any:
		s := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(value))}
		for name, member := range value {
			s.Fields[name] = toValue(member, exact)
		}
		return structpb.NewStructValue(s)
	case []any:
		list := &structpb.ListValue{Values: make([]*structpb.Value, len(value))}
		for i, item := range value {
			list.Values[i] = toValue(item, exact)
		}
		return structpb.NewListValue(list)
	case string:
		return structpb.NewStringValue(value)
	case bool:
		return structpb.NewBoolValue(value)
	}
	return structpb.NewNullValue()
}
