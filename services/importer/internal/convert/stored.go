package convert

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// uuid is the form of a UUID (RFC 9562 §4), in letters of any case.
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// significant returns the number of digits of a plain decimal number, without the zeros at its start.
func significant(number []byte) (n int) {
	for _, c := range number {
		if c >= '1' && c <= '9' || c == '0' && n > 0 {
			n++
		}
	}
	return n
}

// multipleOf reports whether a number is a multiple of ten to a power.
func multipleOf(v *imports.Value, power int) bool {
	number := v.Append(nil)
	if bytes.IndexByte(number, '.') >= 0 {
		return false
	}
	digits := bytes.TrimLeft(number, "-")
	return string(digits) == "0" || len(digits)-len(bytes.TrimRight(digits, "0")) >= power
}

// checkStored compares a value with the rules of the database's column. A UUID gets lowercase letters, as in databases.
func (c *Column) checkStored(v *imports.Value) *Fault {
	s := c.spec
	if s.Scale != nil && *s.Scale < 0 && !multipleOf(v, -*s.Scale) {
		return fault(imports.PrecisionLost, messages.New("number.multiple", c.quote(*v), messages.Number("step", "1"+strings.Repeat("0", -*s.Scale)), c.title()))
	}
	if s.Scale != nil && *s.Scale >= 0 && v.Kind == imports.Text {
		if at := bytes.IndexByte(v.Bytes, '.'); at >= 0 && len(v.Bytes)-at-1 > *s.Scale {
			return fault(imports.PrecisionLost, messages.New("number.decimals", c.quote(*v), messages.Count("n", len(v.Bytes)-at-1), c.title(), messages.Count("max", *s.Scale)))
		}
	}
	if s.Digits > 0 && v.Kind == imports.Text {
		if n := significant(v.Bytes); n > s.Digits {
			return fault(imports.PrecisionLost, messages.New("number.digits", c.quote(*v), messages.Count("n", n), c.title(), messages.Count("max", s.Digits)))
		}
	}
	switch s.Form {
	case schema.UUID:
		if !uuid.Match(v.Bytes) {
			return fault(imports.Pattern, messages.New("pattern.uuid", c.quote(*v)))
		}
		if small := bytes.ToLower(v.Bytes); !bytes.Equal(small, v.Bytes) {
			v.Bytes = small
			return normalized
		}
	case schema.JSON:
		if !json.Valid(v.Bytes) {
			return fault(imports.Pattern, messages.New("pattern.json", c.quote(*v)))
		}
	}
	return nil
}
