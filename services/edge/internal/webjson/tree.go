package webjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"headway/internal/jsonnum"
)

// maxDepth limits the nesting of any JSON text. The services have a lower limit for documents.
const maxDepth = 100

// object is a JSON object, and its text. Numbers are checked later: a document that is passed on as text keeps them exactly.
type object struct {
	members map[string]any
	text    []byte
}

// MarshalJSON implements json.Marshaler.
func (o *object) MarshalJSON() ([]byte, error) { return json.Marshal(o.members) }

// reader reads a JSON text.
type reader struct {
	*json.Decoder
	text []byte
}

// readTree reads one JSON value. It refuses what would be lost silently: a name that an object has twice.
func readTree(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	tree, err := (&reader{dec, text}).value(maxDepth)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is text after the value")
	}
	return tree, nil
}

func (r *reader) value(left int) (any, error) {
	token, err := r.Token()
	if err != nil {
		return nil, err
	}
	if left == 0 {
		return nil, fmt.Errorf("the value is nested more than %d levels deep", maxDepth)
	}
	if delim, ok := token.(json.Delim); ok {
		if delim == '{' {
			return r.object(left)
		}
		return r.array(left)
	}
	return token, nil
}

func (r *reader) object(left int) (any, error) {
	begins := r.InputOffset() - 1 // the opening brace
	o := &object{members: map[string]any{}}
	for r.More() {
		token, err := r.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // the decoder accepts no other token here
		if _, twice := o.members[name]; twice {
			return nil, fmt.Errorf("an object has the name %q twice", name)
		}
		if o.members[name], err = r.value(left - 1); err != nil {
			return nil, err
		}
	}
	_, err := r.Token() // the closing brace
	o.text = r.text[begins:r.InputOffset()]
	return o, err
}

func (r *reader) array(left int) (any, error) {
	array := []any{}
	for r.More() {
		value, err := r.value(left - 1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := r.Token() // the closing bracket
	return array, err
}

// checkNumbers returns an error if a value contains a number that a double does not hold.
func checkNumbers(value any, path string) error {
	switch value := value.(type) {
	case json.Number:
		if err := jsonnum.Check(value.String()); err != nil {
			return fieldErrorf(path, "%s. Send it as a string.", upperFirst(err.Error()))
		}
	case *object:
		for name, member := range value.members {
			if err := checkNumbers(member, path+"."+name); err != nil {
				return err
			}
		}
	case []any:
		for i, item := range value {
			if err := checkNumbers(item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
