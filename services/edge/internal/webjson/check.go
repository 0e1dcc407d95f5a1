package webjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// FieldError is an error in one field of a request. Its message is for the caller.
type FieldError struct {
	// Field is the path of the field as written by the caller, for example steps[2].name.
	Field string
	// Message describes the allowed values.
	Message string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

var fieldErrorText = regexp.MustCompile(`(?s)^(\S+): (.+)$`)

// ParseFieldError restores a FieldError from its text. grpc-gateway passes on only the text of an error.
func ParseFieldError(text string) (*FieldError, bool) {
	parts := fieldErrorText.FindStringSubmatch(text)
	if parts == nil {
		return nil, false
	}
	return &FieldError{Field: parts[1], Message: parts[2]}, true
}

func fieldErrorf(path, format string, args ...any) error {
	return &FieldError{Field: path, Message: fmt.Sprintf(format, args...)}
}

// expandMessage checks a decoded tree against a message, and replaces the short names of enum values with the names
// that protojson accepts.
func expandMessage(tree any, md protoreflect.MessageDescriptor, path string) error {
	o, ok := tree.(*object)
	if !ok {
		return fieldErrorf(orBody(path), "It must be an object, for example {}.")
	}
	texts := textsOf(md)
	expanded := make(map[string]any, len(o.members))
	for key, value := range o.members {
		field := path + key
		fd := fieldByKey(md, key)
		if fd == nil || texts.isText(fd) {
			return fieldErrorf(field, "There is no such field.")
		}
		if document, ok := value.(*object); ok && texts.of(fd) != nil {
			var text bytes.Buffer
			if err := json.Compact(&text, document.text); err != nil {
				return fieldErrorf(field, "It must be JSON.")
			}
			expanded[texts.of(fd).JSONName()] = text.String()
			continue
		}
		var err error
		if expanded[key], err = expandField(value, fd, field); err != nil {
			return err
		}
	}
	o.members = expanded
	return nil
}

func orBody(path string) string {
	if path == "" {
		return "body"
	}
	return strings.TrimSuffix(path, ".")
}

func expandField(value any, fd protoreflect.FieldDescriptor, path string) (any, error) {
	switch {
	case value == nil: // unset
		return nil, nil
	case fd.IsMap():
		entries, ok := value.(*object)
		if !ok {
			return nil, fieldErrorf(path, "It must be an object.")
		}
		for key, entry := range entries.members {
			expanded, err := expandValue(entry, fd.MapValue(), path+"."+key)
			if err != nil {
				return nil, err
			}
			entries.members[key] = expanded
		}
		return entries, nil
	case fd.IsList():
		list, ok := value.([]any)
		if !ok {
			return nil, fieldErrorf(path, "It must be a list.")
		}
		for i, entry := range list {
			expanded, err := expandValue(entry, fd, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			list[i] = expanded
		}
		return list, nil
	}
	return expandValue(value, fd, path)
}

// expandValue checks one value, and returns it in the form that protojson accepts.
func expandValue(value any, fd protoreflect.FieldDescriptor, path string) (any, error) {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch fd.Kind() {
	case protoreflect.StringKind:
		if !isText {
			return nil, fieldErrorf(path, "It must be text.")
		}
	case protoreflect.BoolKind:
		if _, ok := value.(bool); !ok {
			return nil, fieldErrorf(path, "It must be true or false.")
		}
	case protoreflect.EnumKind:
		if isText {
			text = EnumName(fd.Enum(), text)
		}
		if fd.Enum().Values().ByName(protoreflect.Name(text)) == nil && !isNumber {
			return nil, fieldErrorf(path, "It must be one of %s.", strings.Join(Words(fd.Enum()), ", "))
		}
		if isText {
			return text, nil
		}
	case protoreflect.MessageKind:
		return value, expandWellKnown(value, fd.Message(), path)
	case protoreflect.BytesKind:
		if !isText {
			return nil, fieldErrorf(path, "It must be text in base64.")
		}
	default:
		if isText {
			number = json.Number(text)
		}
		if !isText && !isNumber || !fits(number.String(), fd.Kind()) {
			return nil, fieldErrorf(path, "%s", numberRule(fd.Kind()))
		}
		return value, checkNumbers(value, path)
	}
	return value, nil
}

// TimePattern is a regular expression for the times that requests can contain: those of RFC 3339 in the years 1 to 9999, with up
// to 9 digits after the second, and without leap seconds.
const TimePattern = `^(\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})-\d{2}-\d{2}T\d{2}:\d{2}:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`

var timeText = regexp.MustCompile(TimePattern)

// numberText is a number as JSON writes it.
var numberText = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$`)

// expandWellKnown checks messages, some of which have a special JSON form.
func expandWellKnown(value any, md protoreflect.MessageDescriptor, path string) error {
	text, isText := value.(string)
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		if t, err := time.Parse(time.RFC3339Nano, text); !isText || err != nil || !timeText.MatchString(text) || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
			return fieldErrorf(path, "It must be a time, for example 2026-01-31T08:00:00Z.")
		}
	case "google.protobuf.Duration":
		if d, ok := strings.CutSuffix(text, "s"); !isText || !ok || !fits(d, protoreflect.DoubleKind) {
			return fieldErrorf(path, "It must be a number of seconds, for example 1.5s.")
		}
	case "google.protobuf.Struct":
		if _, ok := value.(*object); !ok {
			return fieldErrorf(path, "It must be an object.")
		}
	default:
		if !wellKnown(md) {
			return expandMessage(value, md, path+".")
		}
	}
	return checkNumbers(value, path)
}

// wellKnown reports whether the messages have a special JSON form.
func wellKnown(md protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(md.FullName()), "google.protobuf.")
}

// Words returns the short names of an enum's values, except the zero value.
func Words(e protoreflect.EnumDescriptor) []string {
	var words []string
	for i := range e.Values().Len() {
		if value := e.Values().Get(i); value.Number() != 0 {
			words = append(words, Word(value))
		}
	}
	return words
}

// fits reports whether a number is in the range of a kind of field.
func fits(text string, kind protoreflect.Kind) bool {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !numberText.MatchString(text) { // a Go number, Infinity, or NaN
		return false
	}
	bits := 64
	switch kind {
	case protoreflect.DoubleKind:
		return true
	case protoreflect.FloatKind:
		return math.Abs(f) <= math.MaxFloat32
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		bits = 32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		bits = 32
	default:
	}
	if f != math.Trunc(f) {
		return false
	}
	if isUnsigned(kind) {
		return f >= 0 && f < math.Ldexp(1, bits)
	}
	return f >= -math.Ldexp(1, bits-1) && f < math.Ldexp(1, bits-1)
}

func isUnsigned(kind protoreflect.Kind) bool {
	return slices.Contains([]protoreflect.Kind{protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind}, kind)
}

func numberRule(kind protoreflect.Kind) string {
	switch {
	case kind == protoreflect.DoubleKind || kind == protoreflect.FloatKind:
		return "It must be a number."
	case isUnsigned(kind):
		return "It must be a whole number, 0 or more."
	}
	return "It must be a whole number."
}

// checkQuery checks a query against the fields of a message that it can set, and returns it with the enum names that
// protojson accepts. bound reports whether the path sets a field.
func checkQuery(md protoreflect.MessageDescriptor, values url.Values, bound func(fd protoreflect.FieldDescriptor) bool) (url.Values, error) {
	expanded := make(url.Values, len(values))
	for key, texts := range values {
		fd := fieldByKey(md, key)
		if fd == nil || bound(fd) {
			return nil, fieldErrorf(key, "This call has no such parameter.")
		}
		if len(texts) > 1 && !fd.IsList() {
			return nil, fieldErrorf(key, "It can be set only once.")
		}
		for _, text := range texts {
			value, err := expandValue(queryValue(text, fd), fd, key)
			if err != nil {
				return nil, err
			}
			if name, ok := value.(string); ok {
				text = name
			}
			expanded.Add(key, text)
		}
	}
	return expanded, nil
}

// queryValue converts a text of a query to JSON.
func queryValue(text string, fd protoreflect.FieldDescriptor) any {
	if fd.Kind() == protoreflect.BoolKind {
		switch text {
		case "true", "false":
			return text == "true"
		}
	}
	return text
}
