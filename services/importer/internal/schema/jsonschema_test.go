package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"headway/schemas"
)

// object is a JSON object.
type object = map[string]any

func jsonSchema(t *testing.T) object {
	t.Helper()
	var root object
	if err := json.Unmarshal(schemas.JSONSchema, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestJSONSchemaMatchesLoader(t *testing.T) {
	root := jsonSchema(t)
	defs := root["$defs"].(object)
	sheet, column := defs["sheet"].(object), defs["column"].(object)
	for what, c := range map[string]struct {
		of   object
		keys []string
	}{"a schema": {root, schemaKeys}, "a sheet": {sheet, sheetKeys}, "a column": {column, columnKeys}, "rules": {defs["rules"].(object), ruleKeys}} {
		got := slices.Sorted(maps.Keys(c.of["properties"].(object)))
		if want := slices.Sorted(slices.Values(c.keys)); !slices.Equal(got, want) {
			t.Errorf("the keys of %s are %v, those of the loader %v", what, got, want)
		}
		if c.of["additionalProperties"] != false {
			t.Errorf("%s may have other keys", what)
		}
	}
	var types []any
	for _, typ := range Types {
		types = append(types, string(typ))
	}
	if got := at(column, "properties", "type", "enum"); !reflect.DeepEqual(got, types) {
		t.Errorf("the types are %v, want %v", got, types)
	}
	for what, c := range map[string]struct {
		got  any
		want int
	}{
		"sheets": {at(root, "properties", "sheets", "maxItems"), MaxSheets}, "columns": {at(sheet, "properties", "columns", "maxItems"), MaxColumns},
		"aliases": {at(defs, "aliases", "maxItems"), MaxAliases}, "allowed": {at(column, "properties", "allowed", "maxItems"), MaxAllowed}, "identifiers": {at(defs, "identifier", "maxLength"), maxIdentifier},
	} {
		if c.got != float64(c.want) {
			t.Errorf("the limit of %s is %v, want %d", what, c.got, c.want)
		}
	}
	if got := at(defs, "identifier", "pattern"); got != identifier.String() {
		t.Errorf("the pattern of identifiers is %v, want %s", got, identifier)
	}
}

// at follows keys into an object.
func at(o object, keys ...string) any {
	var v any = o
	for _, k := range keys {
		v = v.(object)[k]
	}
	return v
}

func TestJSONSchemaAcceptsValidSchemas(t *testing.T) {
	workforce, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root := jsonSchema(t)
	for name, text := range map[string]string{"workforce": string(workforce), "fleet": sound, "staff": staff, "prices": ruled} {
		if problems := conforms(t, root, root, decode(t, text), name); len(problems) > 0 {
			t.Errorf("%s is refused:\n%s", name, strings.Join(problems, "\n"))
		}
	}
}

func TestJSONSchemaRejectsTypos(t *testing.T) {
	root := jsonSchema(t)
	for _, c := range []struct{ from, to string }{
		{"title: Fleet", "titel: Fleet"}, {"name: fleet", "name: My Fleet"}, {"type: date", "type: day"}, {"allowed: [van, car]", "required: true"}, {"key: [plate]", "key: []"},
		{"references: cars.plate", "references: cars"}, {"table: cars", "table: sqlite_cars"}, {"required: true", "required: perhaps"}, {"min_length: 2", "min_length: 0"},
		{"title: Cars", "title: Cars/Vans"}, {"optional: false", "mandatory: true"}, {"allowed: [van, car]", "allowed: [van, van]"}, {"key: [plate]", "x-key: plate"},
	} {
		text := strings.Replace(sound, c.from, c.to, 1)
		if text == sound {
			t.Fatalf("%q is not in the sound schema", c.from)
		}
		if problems := conforms(t, root, root, decode(t, text), "fleet"); len(problems) == 0 {
			t.Errorf("%q instead of %q is accepted", c.to, c.from)
		}
		if _, err := Load("fleet.yaml", []byte(text)); err == nil {
			t.Errorf("the loader accepts %q instead of %q", c.to, c.from)
		}
	}
}

// decode reads YAML as an editor does: dates are texts, and all numbers are numbers.
func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Load([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return plain(v)
}

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case int:
		return float64(v)
	case time.Time:
		return v.Format(time.DateOnly)
	}
	return v
}

// conforms checks a value by the keywords that our JSON Schema uses. Any other keyword fails the test.
func conforms(t *testing.T, root, s object, v any, where string) (problems []string) {
	t.Helper()
	refuse := func(format string, args ...any) {
		problems = append(problems, where+": "+fmt.Sprintf(format, args...))
	}
	also := func(s any, v any, where string) []string { return conforms(t, root, s.(object), v, where) }
	text, isText := v.(string)
	list, isList := v.([]any)
	fields, isObject := v.(object)
	number, isNumber := v.(float64)
	size := func(n any) int { return int(n.(float64)) }
	for keyword, arg := range s {
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "default":
		case "$ref":
			problems = append(problems, also(at(root, strings.Split(strings.TrimPrefix(arg.(string), "#/"), "/")...), v, where)...)
		case "type":
			if !slices.ContainsFunc(asList(arg), func(typ any) bool { return isOfType(v, typ.(string)) }) {
				refuse("%v is not a %v", v, arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), v) {
				refuse("%v is none of %v", v, arg)
			}
		case "const":
			if v != arg {
				refuse("%v is not %v", v, arg)
			}
		case "required":
			for _, key := range arg.([]any) {
				if _, there := fields[key.(string)]; isObject && !there {
					refuse("%v is missing", key)
				}
			}
		case "properties":
			for key, sub := range arg.(object) {
				if value, there := fields[key]; there {
					problems = append(problems, also(sub, value, where+"."+key)...)
				}
			}
		case "additionalProperties":
			known, _ := s["properties"].(object)
			for key, value := range fields {
				if values, any := arg.(object); any {
					problems = append(problems, also(values, value, where+"."+key)...)
				} else if known[key] == nil {
					refuse("%s is unknown", key)
				}
			}
		case "items":
			for i, item := range list {
				problems = append(problems, also(arg, item, fmt.Sprintf("%s[%d]", where, i))...)
			}
		case "minItems", "maxItems":
			if isList && (keyword == "minItems" && len(list) < size(arg) || keyword == "maxItems" && len(list) > size(arg)) {
				refuse("%d items", len(list))
			}
		case "uniqueItems":
			for i := range list {
				if slices.Index(list, list[i]) != i {
					refuse("%v is there twice", list[i])
				}
			}
		case "minLength", "maxLength":
			if n := utf8.RuneCountInString(text); isText && (keyword == "minLength" && n < size(arg) || keyword == "maxLength" && n > size(arg)) {
				refuse("%d characters", n)
			}
		case "minimum", "maximum":
			if isNumber && (keyword == "minimum" && number < arg.(float64) || keyword == "maximum" && number > arg.(float64)) {
				refuse("%v is out of range", number)
			}
		case "pattern":
			if isText && !regexp.MustCompile(arg.(string)).MatchString(text) {
				refuse("%q does not match %s", text, arg)
			}
		case "not":
			if len(also(arg, v, where)) == 0 {
				refuse("%v is what it must not be", v)
			}
		case "oneOf":
			n := 0
			for _, one := range arg.([]any) {
				if len(also(one, v, where)) == 0 {
					n++
				}
			}
			if n != 1 {
				refuse("%v is %d of the choices", v, n)
			}
		case "allOf":
			for _, each := range arg.([]any) {
				problems = append(problems, also(each, v, where)...)
			}
		case "if":
			if len(also(arg, v, where)) == 0 {
				problems = append(problems, also(s["then"], v, where)...)
			}
		case "then":
		default:
			t.Fatalf("%s: the keyword %q is not known to this test", where, keyword)
		}
	}
	return problems
}

func asList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func isOfType(v any, typ string) bool {
	switch v := v.(type) {
	case string:
		return typ == "string"
	case float64:
		return typ == "number" || typ == "integer" && v == float64(int64(v))
	case bool:
		return typ == "boolean"
	case []any:
		return typ == "array"
	case object:
		return typ == "object"
	}
	return false
}
