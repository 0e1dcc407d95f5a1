package webjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// texts are the fields of a message that have a document twice: as a google.protobuf.Struct, whose numbers are doubles, and as
// JSON text with exact numbers, in the field with the same name and the suffix _json. The JSON of browsers has one
// field for both, with the name of the first and the text of the second.
type texts struct {
	byField map[protoreflect.FieldNumber]protoreflect.FieldDescriptor
	fields  map[protoreflect.FieldNumber]bool
}

var knownTexts sync.Map // of *texts, by protoreflect.FullName

// textsOf returns the texts of a message. It is nil for a message without any.
func textsOf(md protoreflect.MessageDescriptor) *texts {
	if known, ok := knownTexts.Load(md.FullName()); ok {
		return known.(*texts)
	}
	found := &texts{byField: map[protoreflect.FieldNumber]protoreflect.FieldDescriptor{}, fields: map[protoreflect.FieldNumber]bool{}}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		text := TextOf(fd)
		if text != nil {
			found.byField[fd.Number()], found.fields[text.Number()] = text, true
		}
	}
	if len(found.fields) == 0 {
		found = nil
	}
	knownTexts.Store(md.FullName(), found)
	return found
}

// TextOf returns the field with the text of a document, or nil if there is none.
func TextOf(fd protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if fd.Kind() != protoreflect.MessageKind || fd.Message().FullName() != "google.protobuf.Struct" || fd.IsList() || fd.IsMap() {
		return nil
	}
	return fd.ContainingMessage().Fields().ByName(fd.Name() + "_json")
}

// of returns the field with the text of a document, or nil if there is none.
func (t *texts) of(fd protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if t == nil {
		return nil
	}
	return t.byField[fd.Number()]
}

// isText reports whether the field has the text of a document that another field has too.
func (t *texts) isText(fd protoreflect.FieldDescriptor) bool {
	return t != nil && t.fields[fd.Number()]
}

// Document encodes a document that a message has as a Struct and perhaps as text.
func Document(s *structpb.Struct, text string) ([]byte, error) {
	if text == "" {
		return Marshal(s)
	}
	return appendText(nil, s.ProtoReflect().Descriptor(), text)
}

// appendText appends a document as it came, but without line breaks, which would end an event of a stream.
func appendText(b []byte, of protoreflect.Descriptor, text string) ([]byte, error) {
	out := bytes.NewBuffer(b)
	if err := json.Compact(out, []byte(text)); err != nil {
		return b, fmt.Errorf("encode %s: %w", of.FullName(), err)
	}
	return out.Bytes(), nil
}
