package job

import (
	"errors"
	"testing"
)

func TestKindDescriptionIsChecked(t *testing.T) {
	number := func(n float64) *float64 { return &n }
	two := []KindChoice{{Value: "a"}, {Value: "b", Label: "B"}}
	tests := []struct {
		name  string
		field KindField
		wrong string // the field of the error, or empty
	}{
		{"text", KindField{Type: FieldText, MaxLength: 3, Default: "äöü"}, ""},
		{"integer", KindField{Type: FieldInteger, Minimum: number(1), Maximum: number(9), Default: "9"}, ""},
		{"number", KindField{Type: FieldNumber, Default: "0.5"}, ""},
		{"boolean", KindField{Type: FieldBoolean, Default: "true"}, ""},
		{"choice", KindField{Type: FieldChoice, Choices: two, Default: "b"}, ""},
		{"long default", KindField{Type: FieldText, MaxLength: 2, Default: "abc"}, "d.fields[0].default_value"},
		{"default with decimals", KindField{Type: FieldInteger, Default: "1.5"}, "d.fields[0].default_value"},
		{"default that is not a number", KindField{Type: FieldNumber, Default: "NaN"}, "d.fields[0].default_value"},
		{"default below the minimum", KindField{Type: FieldNumber, Minimum: number(1), Default: "0"}, "d.fields[0].default_value"},
		{"default above the maximum", KindField{Type: FieldNumber, Maximum: number(1), Default: "2"}, "d.fields[0].default_value"},
		{"default that is not a boolean", KindField{Type: FieldBoolean, Default: "yes"}, "d.fields[0].default_value"},
		{"default that is not a choice", KindField{Type: FieldChoice, Choices: two, Default: "B"}, "d.fields[0].default_value"},
		{"minimum of a text", KindField{Type: FieldText, Minimum: number(1)}, "d.fields[0].minimum"},
		{"maximum of a text", KindField{Type: FieldText, Maximum: number(1)}, "d.fields[0].maximum"},
		{"minimum above the maximum", KindField{Type: FieldNumber, Minimum: number(2), Maximum: number(1)}, "d.fields[0].minimum"},
		{"length of a number", KindField{Type: FieldNumber, MaxLength: 1}, "d.fields[0].max_length"},
		{"no choices", KindField{Type: FieldChoice}, "d.fields[0].choices"},
		{"choices of a text", KindField{Type: FieldText, Choices: two}, "d.fields[0].choices"},
		{"equal choices", KindField{Type: FieldChoice, Choices: []KindChoice{{Value: "a"}, {Value: "a"}}}, "d.fields[0].choices"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.field.Name = "n"
			err := (&KindDescription{Fields: []KindField{test.field}}).Check("d")
			invalid := (*InvalidError)(nil)
			if test.wrong == "" && err != nil || test.wrong != "" && (!errors.As(err, &invalid) || invalid.Field != test.wrong) {
				t.Errorf("%v, want an error at %q", err, test.wrong)
			}
		})
	}
	twice := KindDescription{Fields: []KindField{{Name: "n", Type: FieldText}, {Name: "n", Type: FieldText}}}
	if invalid := (*InvalidError)(nil); !errors.As(twice.Check("d"), &invalid) || invalid.Field != "d.fields[1].name" {
		t.Errorf("two fields of one name: %v", twice.Check("d"))
	}
}
