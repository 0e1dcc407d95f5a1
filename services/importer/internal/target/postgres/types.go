package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// family is a group of types whose values are written and read in the same way.
type family uint8

const (
	unknown family = iota
	integers
	booleans
	decimals
	floats // binary fractions
	texts
	dates
	times
	timestamps
	moments // with a time zone
	labels  // of an enum
	uuids
	documents // JSON
)

// families are those of PostgreSQL's own types, by their names in the catalog. Enums are recognized by their kind.
var families = map[string]family{
	"int2": integers, "int4": integers, "int8": integers, "bool": booleans, "numeric": decimals, "float4": floats, "float8": floats,
	"text": texts, "varchar": texts, "bpchar": texts, "citext": texts,
	"date": dates, "time": times, "timestamp": timestamps, "timestamptz": moments, "uuid": uuids, "json": documents, "jsonb": documents,
}

// storedType returns the type of a column that this package creates.
func storedType(c *schema.Column) string {
	if c.Type == schema.DateTime && c.Zone != "" {
		return "timestamptz"
	}
	return stored[c.Type]
}

// stored are the types of columns that this package creates, without time zones.
var stored = map[schema.Type]string{
	schema.Text: "text", schema.Email: "text", schema.Phone: "text", schema.Enum: "text",
	schema.Integer: "bigint", schema.Boolean: "boolean", schema.Decimal: "numeric",
	schema.Date: "date", schema.Time: "time", schema.DateTime: "timestamp",
}

// storedFamily returns the family of a column that this package creates.
func storedFamily(c *schema.Column) family {
	switch storedType(c) {
	case "bigint":
		return integers
	case "boolean":
		return booleans
	case "numeric":
		return decimals
	case "date":
		return dates
	case "time":
		return times
	case "timestamp":
		return timestamps
	case "timestamptz":
		return moments
	}
	return texts
}

// holds reports whether a column of a family can hold the values of a column of the schema without changing them.
func (f family) holds(t schema.Type) bool {
	switch t {
	case schema.Integer:
		return f == integers || f == decimals
	case schema.Boolean:
		return f == booleans || f == integers
	case schema.Decimal:
		return f == decimals || f == floats
	case schema.Date:
		return f == dates
	case schema.Time:
		return f == times
	case schema.DateTime:
		return f == timestamps || f == moments
	case schema.Text, schema.Email, schema.Phone, schema.Enum:
		return f == texts || f == labels || f == uuids || f == documents
	}
	return false
}

// staged is the type of a column of a stage. It accepts every value of the schema, so that the table's column, and not the
// stage, refuses one that does not fit.
func (f family) staged() string {
	switch f {
	case integers:
		return "bigint"
	case booleans:
		return "boolean"
	case decimals, floats:
		return "numeric"
	case dates:
		return "date"
	case times:
		return "time"
	case timestamps, moments:
		return "timestamp" // in UTC
	}
	return "text"
}

// read is an expression of a column as its values are read.
func (f family) read(column string) string {
	switch f {
	case texts:
		return column + "::text" // without the spaces of a char(n)
	case floats:
		return column + "::numeric" // without an exponent, and with the digits that are exact
	case moments:
		return column + " AT TIME ZONE 'UTC'"
	}
	return column
}

// value reads a value of a column of the schema from PostgreSQL's text form. It appends text to dst.
func value(raw []byte, of *schema.Column, f family, dst []byte) (imports.Value, []byte, error) {
	if raw == nil {
		return imports.Value{}, dst, nil
	}
	if of.Type == schema.Integer || of.Type == schema.Boolean {
		if f == booleans {
			n := int64(0)
			if raw[0] == 't' {
				n = 1
			}
			return imports.Value{Kind: imports.Integer, Int: n}, dst, nil
		}
		n, err := strconv.ParseInt(string(trimZeros(raw)), 10, 64)
		if err != nil {
			return imports.Value{}, dst, fmt.Errorf("the value %s of the column %s is not a 64-bit integer", raw, of.Name)
		}
		return imports.Value{Kind: imports.Integer, Int: n}, dst, nil
	}
	if f == decimals || f == floats {
		raw = trimZeros(raw)
	}
	v, dst := textValue(raw, dst)
	return v, dst, nil
}

// textValue is a text whose memory is that of dst.
func textValue(text, dst []byte) (imports.Value, []byte) {
	from := len(dst)
	dst = append(dst, text...)
	return imports.Value{Kind: imports.Text, Bytes: dst[from:len(dst):len(dst)]}, dst
}

// sameDocument reports whether two JSON texts are the same value: jsonb changes spaces and the order of keys.
func sameDocument(a, b []byte) bool {
	var values [2]any
	for i, text := range [][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(&values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// trimZeros cuts the zeros at the end of a decimal's fraction.
func trimZeros(number []byte) []byte {
	if bytes.IndexByte(number, '.') < 0 {
		return number
	}
	return bytes.TrimSuffix(bytes.TrimRight(number, "0"), []byte("."))
}
