package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// valid returns a value that a schema allows.
func (o *operation) valid(schema map[string]any) any {
	schema = o.follow(schema)
	if constant, ok := schema["const"]; ok {
		return constant
	}
	if words, ok := schema["enum"].([]any); ok {
		return words[len(words)-1]
	}
	switch schema["type"] {
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "array":
		if schema["minItems"] != nil {
			return []any{o.valid(schema["items"].(map[string]any))}
		}
		return []any{}
	case "object":
		value := map[string]any{}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			value[name.(string)] = o.valid(walkTo(schema, "properties", name.(string)))
		}
		if walkTo(schema, "properties", "maxActive") != nil {
			value["maxActive"] = 1 // or maxStarts: one of the two
		}
		return value
	}
	return o.validText(schema)
}

// validText returns a text that a schema allows.
func (o *operation) validText(schema map[string]any) string {
	switch {
	case schema["format"] == "date-time":
		return "2099-01-31T08:00:00Z"
	case schema["contentSchema"] != nil:
		return text(o.valid(schema["contentSchema"].(map[string]any)))
	}
	pattern, _ := schema["pattern"].(string)
	switch {
	case strings.Contains(pattern, "="):
		return "a=b"
	case strings.HasPrefix(pattern, "^[0-9]"), strings.Contains(pattern, `\d`):
		return "0"
	}
	return "x"
}

// others are values whose type is not that of a schema.
func others(kind any) []any {
	all := map[string]any{"string": "text", "boolean": true, "array": []any{}, "object": map[string]any{}, "number": 1.5}
	delete(all, fmt.Sprint(kind))
	if kind == "integer" {
		delete(all, "number")
	}
	values := slices.Collect(maps.Values(all))
	if kind == "integer" {
		values = append(values, 1.5)
	}
	return values
}

// around returns allowed and forbidden values around the rules of a schema, down to a depth.
func (o *operation) around(schema map[string]any, depth int) []any {
	schema = o.follow(schema)
	if depth == 0 {
		return nil
	}
	values := others(schema["type"])
	if words, ok := schema["enum"].([]any); ok {
		values = slices.DeleteFunc(values, func(v any) bool { return v == 1.5 })
		return append(append(values, words...), "nosuch", "")
	}
	if constant, ok := schema["const"]; ok {
		return append(values, constant, "")
	}
	switch schema["type"] {
	case "integer", "number":
		values = append(values, 0, 1, -1, json.RawMessage("1e300"), json.RawMessage("-1e300"))
		for _, limit := range []string{"minimum", "maximum"} {
			if n, ok := schema[limit].(json.Number); ok {
				f, _ := n.Float64()
				values = append(values, f, f-1, f+1)
			}
		}
	case "boolean":
		values = append(values, true, false)
	case "array":
		values = append(values, o.aroundList(schema, depth)...)
	case "object":
		values = append(values, o.aroundObject(schema, depth)...)
	default:
		values = append(values, o.aroundText(schema)...)
	}
	return values
}

func (o *operation) aroundText(schema map[string]any) []any {
	values := []any{"", "x", "ä", "a b", "\u202e", "\x7f", "-1", "null", "👩‍🚀", "=1+1", "a\nb", "<b>", o.validText(schema)}
	for _, limit := range []string{"minLength", "maxLength"} {
		if n, ok := schema[limit].(json.Number); ok {
			size, _ := n.Int64()
			for _, length := range []int64{size - 1, size, size + 1} {
				values = append(values, strings.Repeat("x", int(max(length, 0))), strings.Repeat("ö", int(max(length, 0))))
			}
		}
	}
	if schema["pattern"] != nil {
		for _, length := range []int{62, 63, 64, 128, 129, 253, 254} {
			values = append(values, strings.Repeat("x", length), strings.Repeat("x", length)+"="+strings.Repeat("y", 200), "=", "x="+strings.Repeat("y", 201))
		}
		values = append(values, ".x", "x.y-z_1:2", "0b5ba5b7-4bbf-4a4c-8f00-0123456789ab", "0b5ba5b7-4bbf-4a4c-8f00-0123456789aX")
	}
	if schema["format"] == "date-time" {
		values = append(values, "2099-01-31", "2099-01-31T08:00:00", "2099-02-30T08:00:00Z", "2099-01-31T24:00:00Z", "2099-01-31T08:00:60Z",
			"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "99999999999-01-01T00:00:00Z",
			"-0001-01-01T00:00:00Z", "2099-01-31t08:00:00z", "2099-01-31T08:00:00,5Z", "2099-01-31T08:00:00.123456789Z", "2099-01-31T08:00:00.1234567890Z",
			"2099-01-31T08:00:00+23:59", "2099-01-31T08:00:00+24:00", "2099-01-31T08:00:00-00:00", "1970-01-01T00:00:00Z", "Sat, 31 Jan 2026 08:00:00 GMT")
	}
	if inner, ok := schema["contentSchema"].(map[string]any); ok {
		for _, value := range o.around(inner, 4) {
			values = append(values, text(value))
		}
	}
	return values
}

func (o *operation) aroundList(schema map[string]any, depth int) []any {
	items := schema["items"].(map[string]any)
	values := []any{[]any{}, []any{o.valid(items)}, o.distinct(items, 2)}
	for _, value := range o.around(items, depth-1) {
		values = append(values, []any{value})
	}
	for _, limit := range []string{"minItems", "maxItems"} {
		if n, ok := schema[limit].(json.Number); ok {
			size, _ := n.Int64()
			for _, length := range []int64{size - 1, size, size + 1} {
				values = append(values, o.distinct(items, int(max(length, 0))))
			}
		}
	}
	return values
}

// distinct returns a list of values that a schema allows. If they have names, no two are equal.
func (o *operation) distinct(items map[string]any, length int) []any {
	list := []any{}
	for i := range length {
		value := o.valid(items)
		if object, ok := value.(map[string]any); ok && object["name"] != nil {
			object["name"] = fmt.Sprint("x", i)
		}
		list = append(list, value)
	}
	return list
}

func (o *operation) aroundObject(schema map[string]any, depth int) []any {
	base := o.valid(schema).(map[string]any)
	with := func(name string, value any) map[string]any {
		changed := maps.Clone(base)
		changed[name] = value
		return changed
	}
	values := []any{base, with("nosuch", 1)}
	for name := range base {
		if name == "maxActive" {
			continue
		}
		changed := maps.Clone(base)
		delete(changed, name)
		values = append(values, changed)
	}
	for name, property := range walkTo(schema, "properties") {
		for _, value := range o.around(property.(map[string]any), depth-1) {
			if past, ok := value.(string); ok && name == "deadline" && (past[:min(2, len(past))] == "00" || past[:min(2, len(past))] == "19") {
				continue // a deadline that has passed is refused
			}
			if name == "maxActive" && text(value) == "0" {
				continue // then there must be another limit
			}
			values = append(values, with(name, value))
		}
	}
	entry, isMap := schema["additionalProperties"].(map[string]any)
	if !isMap {
		return values
	}
	for _, value := range o.around(entry, depth-1) {
		values = append(values, map[string]any{"name": value})
	}
	if names := walkTo(schema, "propertyNames"); names != nil {
		for _, name := range o.aroundText(names) {
			values = append(values, map[string]any{name.(string): o.valid(entry)})
		}
	}
	if n, ok := schema["maxProperties"].(json.Number); ok {
		size, _ := n.Int64()
		for _, count := range []int64{size, size + 1} {
			many := map[string]any{}
			for i := range count {
				many[fmt.Sprint("name", i)] = o.valid(entry)
			}
			values = append(values, many)
		}
	}
	return values
}

// ids returns values for the parameters of the path. Their resources exist, so no request is refused for a missing one.
func (o *operation) ids() map[string]string {
	ids := map[string]string{"kind": "media", "schema": "workforce"}
	if strings.Contains(o.path, "{job_id}") || strings.Contains(o.path, "{import_id}") {
		_, answer := o.server.rest(o.bearer(), http.MethodPost, "/api/v1/jobs", map[string]any{"kind": "media"})
		id, _ := walkTo(answer, "job")["jobId"].(string)
		ids["job_id"], ids["import_id"] = id, id
	}
	if strings.Contains(o.path, "{upload_id}") {
		r := o.request(http.MethodPost, "/api/v1/uploads", bytes.NewReader(nil), "Tus-Resumable", "1.0.0", "Upload-Length", "5")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			o.t.Fatal(err)
		}
		resp.Body.Close()
		location := resp.Header.Get("Location")
		ids["upload_id"] = location[strings.LastIndex(location, "/")+1:]
	}
	return ids
}
