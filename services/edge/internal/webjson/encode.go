// Package webjson encodes and decodes the JSON of browsers: protobuf's JSON mapping with three changes that make it easier to
// read and to type.
//
//   - Enum values are short lowercase names: JOB_STATUS_ACTIVE is "active".
//   - 64-bit integers are JSON numbers, not strings. They are exact to 2^53.
//   - Documents that a message has as JSON text, too, keep their numbers exactly. See texts.
//
// Fields without presence are always written, even if they are zero. Fields with presence are written if they are set. Decoding
// accepts short and full enum names in any case, and otherwise follows protojson.
package webjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Word returns the short form of an enum value: its name without the prefix of the enum, in lowercase.
func Word(v protoreflect.EnumValueDescriptor) string {
	return strings.ToLower(strings.TrimPrefix(string(v.Name()), enumPrefix(v.Parent().(protoreflect.EnumDescriptor))))
}

// enumPrefix returns the prefix that buf's lint requires for every value of an enum: JobStatus → JOB_STATUS_.
func enumPrefix(e protoreflect.EnumDescriptor) string {
	first := string(e.Values().Get(0).Name())
	return strings.TrimSuffix(first, "UNSPECIFIED")
}

// Marshal encodes a message.
func Marshal(m proto.Message) ([]byte, error) { return Append(nil, m) }

// Append appends the encoded message to b.
func Append(b []byte, m proto.Message) ([]byte, error) { return appendMessage(b, m.ProtoReflect()) }

// MarshalSet encodes only the fields of a message that are set. Messages within it are encoded as by Marshal.
func MarshalSet(m proto.Message) ([]byte, error) { return appendFields(nil, m.ProtoReflect(), true) }

// MarshalAny encodes a message like Marshal, with its type in the member @type, as protojson encodes a google.protobuf.Any.
func MarshalAny(m proto.Message) ([]byte, error) {
	b := append([]byte(`{"@type":"type.googleapis.com/`), m.ProtoReflect().Descriptor().FullName()...)
	return appendMembers(append(b, '"'), m.ProtoReflect(), false)
}

func appendMessage(b []byte, m protoreflect.Message) ([]byte, error) {
	if strings.HasPrefix(string(m.Descriptor().FullName()), "google.protobuf.") {
		// Timestamp, Struct, Value, and other well-known types have special forms, which protojson implements.
		text, err := protojson.Marshal(m.Interface())
		if err != nil {
			return b, fmt.Errorf("encode %s: %w", m.Descriptor().FullName(), err)
		}
		out := bytes.NewBuffer(b)
		err = json.Compact(out, text) // protojson adds random blanks
		return out.Bytes(), err
	}
	return appendFields(b, m, false)
}

func appendFields(b []byte, m protoreflect.Message, onlySet bool) ([]byte, error) {
	return appendMembers(append(b, '{'), m, onlySet)
}

// appendMembers appends the fields of a message to an object that is open, and closes it.
func appendMembers(b []byte, m protoreflect.Message, onlySet bool) ([]byte, error) {
	fields, texts := m.Descriptor().Fields(), textsOf(m.Descriptor())
	for i := range fields.Len() {
		fd := fields.Get(i)
		text := ""
		if texts != nil {
			if texts.isText(fd) {
				continue
			}
			if from := texts.of(fd); from != nil {
				text = m.Get(from).String()
			}
		}
		if text == "" && (onlySet || fd.HasPresence()) && !m.Has(fd) {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, fd.JSONName()...)
		b = append(b, '"', ':')
		var err error
		if text != "" {
			b, err = appendText(b, fd, text)
		} else {
			b, err = appendField(b, fd, m.Get(fd))
		}
		if err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendField(b []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	switch {
	case fd.IsList():
		b = append(b, '[')
		list := v.List()
		for i := range list.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendValue(b, fd, list.Get(i)); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case fd.IsMap():
		return appendMap(b, fd, v.Map())
	}
	return appendValue(b, fd, v)
}

// appendMap appends the entries in the order of their keys, so that equal messages have equal bytes.
func appendMap(b []byte, fd protoreflect.FieldDescriptor, m protoreflect.Map) ([]byte, error) {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(x, y protoreflect.MapKey) int { return strings.Compare(x.String(), y.String()) })
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendString(b, k.String()); err != nil {
			return b, err
		}
		b = append(b, ':')
		if b, err = appendValue(b, fd.MapValue(), m.Get(k)); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool()), nil
	case protoreflect.EnumKind:
		value := fd.Enum().Values().ByNumber(v.Enum())
		if value == nil { // from a newer service
			return strconv.AppendInt(b, int64(v.Enum()), 10), nil
		}
		return appendString(b, Word(value))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return appendFloat(b, fd, v.Float())
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.BytesKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"'), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
	}
	return appendMessage(b, v.Message())
}

func appendFloat(b []byte, fd protoreflect.FieldDescriptor, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return b, fmt.Errorf("encode %s: %v is not a JSON number", fd.FullName(), f)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(b, int64(f), 10), nil
	}
	text, err := json.Marshal(f)
	return append(b, text...), err
}

func appendString(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s) // escapes, and replaces invalid UTF-8
			return append(b, text...), err
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"'), nil
}
