package webjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Unmarshal decodes a message. Unknown fields are errors that name the field.
func Unmarshal(text []byte, m proto.Message) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil // an empty body means an empty message
	}
	tree, err := readTree(text)
	if err != nil {
		return fmt.Errorf("decode JSON: %w", err)
	}
	expandMessage(tree, m.ProtoReflect().Descriptor())
	full, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("decode JSON: %w", err)
	}
	return protojson.Unmarshal(full, m)
}

// EnumName returns the full name of an enum value for its short or full name, in any case. It returns any other text unchanged.
func EnumName(e protoreflect.EnumDescriptor, text string) string {
	upper := strings.ToUpper(strings.ReplaceAll(text, "-", "_"))
	for _, name := range []string{upper, enumPrefix(e) + upper} {
		if e.Values().ByName(protoreflect.Name(name)) != nil {
			return name
		}
	}
	return text
}

// expandMessage replaces the short names of enum values in a decoded tree by the names that protojson knows.
func expandMessage(tree any, md protoreflect.MessageDescriptor) {
	object, ok := tree.(map[string]any)
	if !ok || strings.HasPrefix(string(md.FullName()), "google.protobuf.") {
		return
	}
	for key, value := range object {
		fd := fieldByKey(md, key)
		if fd == nil {
			continue // protojson rejects it with a better message
		}
		if fd.IsMap() {
			entries, _ := value.(map[string]any)
			for k, v := range entries {
				entries[k] = expandValue(v, fd.MapValue())
			}
			continue
		}
		if list, ok := value.([]any); ok && fd.IsList() {
			for i, v := range list {
				list[i] = expandValue(v, fd)
			}
			continue
		}
		object[key] = expandValue(value, fd)
	}
}

func expandValue(value any, fd protoreflect.FieldDescriptor) any {
	switch fd.Kind() {
	case protoreflect.EnumKind:
		if word, ok := value.(string); ok {
			return EnumName(fd.Enum(), word)
		}
	case protoreflect.MessageKind:
		expandMessage(value, fd.Message())
	default: // protojson reads numbers and strings as they are
	}
	return value
}

func fieldByKey(md protoreflect.MessageDescriptor, key string) protoreflect.FieldDescriptor {
	if fd := md.Fields().ByJSONName(key); fd != nil {
		return fd
	}
	return md.Fields().ByName(protoreflect.Name(key))
}

// QueryParser fills a request from the query of a URL, like grpc-gateway, and accepts short enum names.
type QueryParser struct{ runtime.DefaultQueryParser }

// Parse implements runtime.QueryParameterParser.
func (p *QueryParser) Parse(m proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	md := m.ProtoReflect().Descriptor()
	expanded := make(url.Values, len(values))
	for key, texts := range values {
		if fd := fieldByKey(md, key); fd != nil && fd.Kind() == protoreflect.EnumKind {
			names := make([]string, len(texts))
			for i, text := range texts {
				names[i] = EnumName(fd.Enum(), text)
			}
			texts = names
		}
		expanded[key] = texts
	}
	return p.DefaultQueryParser.Parse(m, expanded, filter)
}

// Marshaler makes grpc-gateway use webjson.
type Marshaler struct{ runtime.JSONPb }

// Marshal implements runtime.Marshaler.
func (j *Marshaler) Marshal(v any) ([]byte, error) {
	if m, ok := v.(proto.Message); ok {
		return Marshal(m)
	}
	return j.JSONPb.Marshal(v)
}

// Unmarshal implements runtime.Marshaler.
func (j *Marshaler) Unmarshal(text []byte, v any) error {
	if m, ok := v.(proto.Message); ok {
		return Unmarshal(text, m)
	}
	return j.JSONPb.Unmarshal(text, v)
}

// NewDecoder implements runtime.Marshaler.
func (j *Marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		text, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return io.EOF // the generated handlers read this as an empty message
		}
		return j.Unmarshal(text, v)
	})
}

// NewEncoder implements runtime.Marshaler.
func (j *Marshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		text, err := j.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(append(text, '\n'))
		return err
	})
}
