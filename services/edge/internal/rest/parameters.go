package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"headway/internal/rpcerr"
)

// Parameters are the query parameters of every route, as the OpenAPI document lists them.
type Parameters struct {
	// known holds the names by method and path of the document, and lists those that can be set several times.
	known, lists map[string][]string
}

// ticketParameter is accepted by streams. For other routes, access returns an error that explains it.
const ticketParameter = "token"

// NewParameters reads an OpenAPI document. The routes in own ("POST /api/v1/imports") check their parameters themselves.
func NewParameters(document []byte, own ...string) (*Parameters, error) {
	type parameter struct {
		Ref  string `json:"$ref"`
		Name string
		In   string

		Schema struct{ Type string }
	}
	var api struct {
		Paths      map[string]map[string]struct{ Parameters []parameter }
		Components struct{ Parameters map[string]parameter }
	}
	if err := json.Unmarshal(document, &api); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	p := &Parameters{known: make(map[string][]string), lists: make(map[string][]string)}
	for path, operations := range api.Paths {
		for method, operation := range operations {
			route := strings.ToUpper(method) + " " + path
			names := []string{}
			for _, param := range operation.Parameters {
				if name, ok := strings.CutPrefix(param.Ref, "#/components/parameters/"); ok {
					param = api.Components.Parameters[name]
				}
				if param.In != "query" {
					continue
				}
				names = append(names, param.Name)
				if param.Schema.Type == "array" {
					p.lists[route] = append(p.lists[route], param.Name)
				}
			}
			p.known[route] = names
		}
	}
	maps.DeleteFunc(p.known, func(route string, _ []string) bool { return slices.Contains(own, route) })
	return p, nil
}

// Check returns an error for a request whose path or query is not UTF-8 text, or whose query has a parameter that its
// route does not have, or has it twice. pattern is the pattern of http.ServeMux that the request matches.
func (p *Parameters) Check(pattern string, r *http.Request) error {
	method, path, _ := strings.Cut(pattern, " ")
	segments := strings.Split(path, "/")
	for i, value := range strings.Split(r.URL.EscapedPath(), "/") {
		if value, err := url.PathUnescape(value); i < len(segments) && (err != nil || !utf8.ValidString(value)) {
			return rpcerr.Invalid(fieldOf(segments[i]), "It must be UTF-8 text.")
		}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return rpcerr.Invalid("query", "The query is malformed. Encode special characters, for example % as %25.")
	}
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return rpcerr.Invalid(strings.ToValidUTF8(name, "\uFFFD"), "It must be UTF-8 text.")
		}
	}
	route := method + " " + path + verbOf(path, r.URL.Path)
	known, documented := p.known[route]
	if !documented {
		return nil
	}
	for name, values := range query {
		is := func(k string) bool { return name == k || name == snakeCase(k) }
		if name == ticketParameter || slices.ContainsFunc(known, is) {
			if len(values) > 1 && !slices.ContainsFunc(p.lists[route], is) {
				return rpcerr.Invalid(name, "It can be set only once.")
			}
			continue
		}
		hint := "This route has no parameters."
		if len(known) > 0 {
			hint = "This route has these parameters: " + strings.Join(known, ", ") + "."
		}
		return rpcerr.Invalid(name, "There is no such parameter. "+hint)
	}
	return nil
}

// fieldOf returns the name of a wildcard, and "path" for every other segment of a pattern.
func fieldOf(segment string) string {
	if name, ok := strings.CutPrefix(segment, "{"); ok {
		return strings.TrimSuffix(name, "}")
	}
	return "path"
}

// verbOf returns the custom method at the end of a path (":cancel"), which the patterns of http.ServeMux don't have.
func verbOf(pattern, path string) string {
	last := path[strings.LastIndex(path, "/")+1:]
	if i := strings.LastIndex(last, ":"); i > 0 && strings.HasSuffix(pattern, "}") {
		return last[i:]
	}
	return ""
}

// snakeCase returns pageSize as page_size, the name of the field in its message.
func snakeCase(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
