package messages

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Messages are stored as JSON: the ID, and then the name and the value of each parameter. A text and a count are themselves, and any
// other value is an object with its kind: ["range.below","value",{"q":"-3"},"min",{"d":"0"},"column","Salary"].

// stored is a value that is not a text or a count.
type stored struct {
	Decimal   *string   `json:"d,omitempty"`
	Moment    *string   `json:"z,omitempty"`
	Location  *Location `json:"l,omitempty"`
	Quotation *string   `json:"q,omitempty"`
	Remarks   []Value   `json:"r,omitempty"`
	Nested    *Message  `json:"m,omitempty"`
	Or        *[]Value  `json:"o,omitempty"`
	And       *[]Value  `json:"a,omitempty"`
	Comma     *[]Value  `json:"c,omitempty"`
	Spaced    *[]Value  `json:"s,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (m Message) MarshalJSON() ([]byte, error) {
	all := make([]any, 0, 1+2*len(m.Parameters))
	all = append(all, m.ID)
	for i := range m.Parameters {
		all = append(all, m.Parameters[i].Name, m.Parameters[i].Value)
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler. A message that is stored in another form is left out, and the English text next to it is
// used.
func (m *Message) UnmarshalJSON(data []byte) error {
	*m = Message{}
	if !bytes.HasPrefix(data, []byte("[")) {
		return nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	if len(all)%2 == 0 {
		return fmt.Errorf("a message has %d elements", len(all))
	}
	if err := json.Unmarshal(all[0], &m.ID); err != nil {
		return err
	}
	for i := 1; i < len(all); i += 2 {
		var p Parameter
		if err := json.Unmarshal(all[i], &p.Name); err != nil {
			return err
		}
		if err := json.Unmarshal(all[i+1], &p.Value); err != nil {
			return err
		}
		m.Parameters = append(m.Parameters, p)
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	var s stored
	switch v.Kind {
	case Counted:
		return json.Marshal(v.Count)
	case Decimal:
		s.Decimal = &v.Text
	case Moment:
		s.Moment = &v.Text
	case Located:
		s.Location = new(v.Location())
	case Quotation:
		s.Quotation, s.Remarks = &v.Text, v.Values()
	case Nested:
		s.Nested = new(v.Message())
	case Or:
		s.Or = new(v.Values())
	case And:
		s.And = new(v.Values())
	case Comma:
		s.Comma = new(v.Values())
	case Spaced:
		s.Spaced = new(v.Values())
	default:
		return json.Marshal(v.Text)
	}
	return json.Marshal(s)
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	*v = Value{}
	switch data[0] {
	case '"':
		return json.Unmarshal(data, &v.Text)
	case '{':
	default:
		v.Kind = Counted
		return json.Unmarshal(data, &v.Count)
	}
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	switch {
	case s.Decimal != nil:
		v.Kind, v.Text = Decimal, *s.Decimal
	case s.Moment != nil:
		v.Kind, v.Text = Moment, *s.Moment
	case s.Location != nil:
		*v = At("", *s.Location).Value
	case s.Quotation != nil:
		*v = listOf(Quotation, s.Remarks)
		v.Text = *s.Quotation
	case s.Nested != nil:
		*v = Of(*s.Nested)
	case s.Or != nil:
		*v = listOf(Or, *s.Or)
	case s.And != nil:
		*v = listOf(And, *s.And)
	case s.Comma != nil:
		*v = listOf(Comma, *s.Comma)
	case s.Spaced != nil:
		*v = listOf(Spaced, *s.Spaced)
	}
	return nil
}
