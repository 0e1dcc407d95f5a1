package job

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// MaxDescriptions is the maximum size of the descriptions that a worker sends with a request, in bytes. They are sent with
// every request for jobs.
const MaxDescriptions = 8 << 10

// KindDescription describes a kind of job to users.
type KindDescription struct {
	Kind    string
	Title   string
	Summary string
	Fields  []KindField
}

// KindField describes one member of a job's payload.
type KindField struct {
	Name, Label, Hint string
	Type              FieldType
	Required          bool
	Default           string   // as text
	Minimum, Maximum  *float64 // of an integer or a number
	MaxLength         int      // of a text, in characters; 0 means no limit
	Choices           []KindChoice
}

// KindChoice is one of the values of a choice.
type KindChoice struct{ Value, Label string }

// FieldType is the type of a value in the payload. Its numbers are those of the protos.
type FieldType int

// The types of values.
const (
	FieldText    FieldType = 1
	FieldInteger FieldType = 2
	FieldNumber  FieldType = 3
	FieldBoolean FieldType = 4
	FieldChoice  FieldType = 5
)

// Check returns an InvalidError if the description is not valid for a form. field is the description's name in the
// protos.
func (d *KindDescription) Check(field string) error {
	names := make(map[string]bool, len(d.Fields))
	for i := range d.Fields {
		f := &d.Fields[i]
		at := fmt.Sprintf("%s.fields[%d]", field, i)
		if names[f.Name] {
			return &InvalidError{at + ".name", fmt.Sprintf("is %q, like that of an earlier field", f.Name)}
		}
		names[f.Name] = true
		if err := f.check(at); err != nil {
			return err
		}
	}
	return nil
}

func (f *KindField) check(at string) error {
	numeric := f.Type == FieldInteger || f.Type == FieldNumber
	values := make(map[string]bool, len(f.Choices))
	for _, c := range f.Choices {
		values[c.Value] = true
	}
	switch {
	case !numeric && f.Minimum != nil:
		return &InvalidError{at + ".minimum", "is only allowed for integers and numbers"}
	case !numeric && f.Maximum != nil:
		return &InvalidError{at + ".maximum", "is only allowed for integers and numbers"}
	case f.Minimum != nil && f.Maximum != nil && *f.Minimum > *f.Maximum:
		return &InvalidError{at + ".minimum", "is larger than the maximum"}
	case f.MaxLength > 0 && f.Type != FieldText:
		return &InvalidError{at + ".max_length", "is only allowed for text"}
	case f.Type == FieldChoice && len(f.Choices) == 0:
		return &InvalidError{at + ".choices", "is empty, but a choice needs at least one"}
	case f.Type != FieldChoice && len(f.Choices) > 0:
		return &InvalidError{at + ".choices", "is only allowed for choices"}
	case len(values) < len(f.Choices):
		return &InvalidError{at + ".choices", "contains a value twice"}
	case f.Default != "" && !f.takes(f.Default, values):
		return &InvalidError{at + ".default_value", "is not an allowed value of the field"}
	}
	return nil
}

// takes reports whether the field accepts a value, which is written as text.
func (f *KindField) takes(value string, choices map[string]bool) bool {
	switch f.Type {
	case FieldInteger, FieldNumber:
		n, err := strconv.ParseFloat(value, 64)
		return err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) && (f.Type == FieldNumber || n == math.Trunc(n)) &&
			(f.Minimum == nil || n >= *f.Minimum) && (f.Maximum == nil || n <= *f.Maximum)
	case FieldBoolean:
		return value == "true" || value == "false"
	case FieldChoice:
		return choices[value]
	}
	return f.MaxLength == 0 || utf8.RuneCountInString(value) <= f.MaxLength
}
