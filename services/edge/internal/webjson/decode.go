package webjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Unmarshal decodes a message. Its errors are *FieldError: they name the field, and describe its allowed values.
func Unmarshal(text []byte, m proto.Message) error {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))) // some programs start every text with a byte order mark
	if len(text) == 0 {
		return nil // an empty body means an empty message
	}
	if !utf8.Valid(text) {
		return fieldErrorf("body", "It must be UTF-8 text.")
	}
	tree, err := readTree(text)
	if err != nil {
		return syntaxError(err)
	}
	if md := m.ProtoReflect().Descriptor(); wellKnown(md) {
		err = checkNumbers(tree, "body")
	} else {
		err = expandMessage(tree, md, "")
	}
	if err != nil {
		return err
	}
	full, err := json.Marshal(tree)
	if err != nil {
		return fieldErrorf("body", "It must be JSON.")
	}
	if err := protojson.Unmarshal(full, m); err != nil {
		return fieldErrorf("body", "It doesn't match this call.")
	}
	return nil
}

// syntaxError returns the error for a text that is not JSON, without the text of Go's parser.
func syntaxError(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fieldErrorf("body", "It must be JSON. There is an error at byte %d.", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fieldErrorf("body", "It must be JSON, but it ends too early.")
	}
	return fieldErrorf("body", "%s.", strings.TrimSuffix(upperFirst(err.Error()), "."))
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
	bound := func(fd protoreflect.FieldDescriptor) bool { return filter.HasCommonPrefix([]string{string(fd.Name())}) }
	expanded, err := checkQuery(m.ProtoReflect().Descriptor(), values, bound)
	if err != nil {
		return err
	}
	if err := p.DefaultQueryParser.Parse(m, expanded, filter); err != nil {
		return fieldErrorf("query", "It doesn't match this call.")
	}
	return nil
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
