package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestServerIsAsStrictAsItsDocument sends requests that the OpenAPI document allows, and requests that it does not allow, to
// every route: each parameter and each field of a body takes values around its rules, one at a time. The server must refuse
// exactly what the document does not allow, and no answer may be an error of the server.
//
// The document describes one way to write each request. Other forms that the server accepts, according to the document's description,
// are not generated here: null, enum values by their full names or numbers, numbers as text, and names in snake case.
func TestServerIsAsStrictAsItsDocument(t *testing.T) {
	p := &prober{t: t, server: start(t, "--requests-per-second=-1", "--unfinished-per-user=-1", "--unfinished-bytes=-1", "--unfinished-bytes-per-user=-1")}
	d := newDocument(t)
	for _, route := range routesOfDocument(t) {
		method, path := route[0], route[1]
		t.Run(method+" "+path, func(t *testing.T) {
			o := &operation{t: t, document: d, prober: p, method: method, path: path}
			o.read(d.object("paths", path, strings.ToLower(method)))
			o.try()
			if o.sent == 0 {
				t.Error("nothing was sent")
			}
		})
	}
}

// parameter is a parameter of an operation, and where its schema is in the document.
type parameter struct {
	in, name string
	required bool
	schema   map[string]any
	at       []string
}

// operation tries one operation of the document.
type operation struct {
	t *testing.T
	*document
	*prober
	method, path string

	parameters []parameter
	// bodies are the schemas of the body by media type, and at is their path. needed reports whether a request must have a
	// body.
	bodies map[string]map[string]any
	at     []string
	needed bool
	sent   int
}

func (o *operation) read(node map[string]any) {
	o.at = []string{"paths", o.path, strings.ToLower(o.method)}
	list, _ := node["parameters"].([]any)
	for i, entry := range list {
		given := entry.(map[string]any)
		at := append(slices.Clone(o.at), "parameters", fmt.Sprint(i), "schema")
		if ref, ok := given["$ref"].(string); ok {
			at = append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), "schema")
		}
		p := o.follow(given)
		required, _ := p["required"].(bool)
		o.parameters = append(o.parameters, parameter{p["in"].(string), p["name"].(string), required, p["schema"].(map[string]any), at})
	}
	body := walkTo(node, "requestBody")
	o.needed, _ = body["required"].(bool)
	o.bodies = map[string]map[string]any{}
	for kind, media := range walkTo(body, "content") {
		o.bodies[kind] = walkTo(media.(map[string]any), "schema")
	}
}

// attempt is a request, and whether the document allows it.
type attempt struct {
	what    string
	path    map[string]string
	query   url.Values
	raw     string // instead of query
	headers map[string]string
	kind    string // media type
	body    []byte
	allowed bool
}

func (o *operation) try() {
	o.send(o.base("a plain request"))
	for _, p := range o.parameters {
		for _, value := range o.around(p.schema, 3) {
			o.tryParameter(p, value)
		}
		if p.required && p.in == "header" {
			a := o.base("without " + p.name)
			delete(a.headers, p.name)
			a.allowed = false
			o.send(a)
		}
	}
	if o.path != "/api/v1/imports" && o.path != "/api/v1/previews" || o.method != http.MethodPost { // their form may have fields of the client
		o.tryQueries()
	}
	for kind := range o.bodies {
		o.tryBodies(kind)
	}
}

// base returns a request that the document allows, with all that it requires.
func (o *operation) base(what string) attempt {
	a := attempt{what: what, path: o.ids(), query: url.Values{}, headers: map[string]string{}, allowed: true}
	for _, p := range o.parameters {
		if p.in == "header" && p.required {
			a.headers[p.name] = text(o.valid(p.schema))
		}
	}
	if o.method == http.MethodPost && o.path == "/api/v1/uploads" {
		a.headers["Upload-Length"] = "5"
	}
	switch {
	case o.bodies["application/json"] != nil:
		a.kind = "application/json"
		a.body, _ = json.Marshal(o.valid(o.bodies[a.kind]))
	case o.bodies["application/offset+octet-stream"] != nil && o.method == http.MethodPatch:
		a.kind, a.body = "application/offset+octet-stream", []byte("bytes")
	case o.bodies["application/octet-stream"] != nil:
		a.kind, a.body = "application/octet-stream", []byte("PK\x03\x04 bytes")
	}
	return a
}

// text returns a value in the form that parameters have.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	b, _ := json.Marshal(value)
	return string(b)
}

// parsed returns the value that a text in a parameter represents. If there is none, it returns the text itself.
func (o *operation) parsed(schema map[string]any, text string) any {
	switch kind := o.follow(schema)["type"]; kind {
	case "integer", "number", "boolean":
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return text
		}
		if _, isBool := value.(bool); isBool != (kind == "boolean") {
			return text
		}
		return json.RawMessage(text)
	}
	return text
}

func (o *operation) tryParameter(p parameter, value any) {
	var texts []string
	var parsed any
	if list, ok := value.([]any); ok && o.follow(p.schema)["type"] == "array" {
		all := []any{}
		for _, element := range list {
			texts = append(texts, text(element))
			all = append(all, o.parsed(p.schema["items"].(map[string]any), text(element)))
		}
		parsed = all
	} else {
		texts = []string{text(value)}
		if o.follow(p.schema)["type"] == "array" {
			parsed = []any{o.parsed(p.schema["items"].(map[string]any), texts[0])}
		} else {
			parsed = o.parsed(p.schema, texts[0])
		}
	}
	a := o.base(fmt.Sprintf("%s %s: %.100q", p.in, p.name, texts))
	switch p.in {
	case "query":
		if a.query[p.name] = texts; len(a.query.Encode()) > 30<<10 {
			return // the server limits the size of all headers with the address
		}
		if p.name == "upload_id" {
			a.kind, a.body = "", nil // the file is the upload
		}
	case "path":
		if texts[0] == "" || strings.ContainsAny(texts[0], "/:") || strings.Trim(texts[0], ".") == "" {
			return // another path
		}
		a.path[p.name] = texts[0]
	case "header":
		if p.name == "Upload-Defer-Length" {
			delete(a.headers, "Upload-Length") // one of the two
		}
		if strings.ContainsFunc(texts[0], func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(texts[0]) != texts[0] {
			return // not a header
		}
		if a.headers[p.name] = texts[0]; texts[0] == "" && !p.required {
			return // as without the header
		}
	}
	a.allowed = o.allows(p.at, parsed)
	if a.allowed && len(texts) == 1 && dependent(p.name, texts[0]) {
		return
	}
	o.send(a)
}

// dependent reports whether the server can refuse a value that the document allows: a page token must be one that the
// server has returned, and the number of errors in a sample depends on its rows.
func dependent(name, text string) bool {
	return name == "pageToken" && text != "" || name == "issues" && len(text) > 2
}

// tryQueries sends queries that are never allowed.
func (o *operation) tryQueries() {
	for what, query := range map[string]string{
		"an unknown parameter": "nosuch=1", "a name that is not UTF-8": "%ff=1", "a malformed query": "a=%zz", "a parameter of another case": "PAGE=1",
	} {
		a := o.base(what)
		a.raw, a.allowed = query, false
		o.send(a)
	}
	for _, p := range o.parameters {
		if p.in != "query" {
			continue
		}
		a := o.base(p.name + " is not UTF-8")
		a.raw, a.allowed = p.name+"=%ff%fe", false
		o.send(a)
		if o.follow(p.schema)["type"] != "array" {
			a = o.base(p.name + " twice")
			one := url.QueryEscape(text(o.valid(p.schema)))
			a.raw, a.allowed = p.name+"="+one+"&"+p.name+"="+one, false
			o.send(a)
		}
	}
}

func (o *operation) tryBodies(kind string) {
	schema := o.bodies[kind]
	at := append(slices.Clone(o.at), "requestBody", "content", kind, "schema")
	switch kind {
	case "application/json":
		for _, value := range o.around(schema, 5) {
			body, err := json.Marshal(value)
			if err != nil {
				o.t.Fatal(err)
			}
			a := o.base(fmt.Sprintf("body %.300s", body))
			a.body, a.allowed = body, o.allows(at, value)
			o.send(a)
		}
		for what, body := range map[string]string{
			"half a body": `{"a":`, "two bodies": `{} {}`, "a body that is not UTF-8": "{\"kind\":\"\xff\"}", "text": "kind=x", "a name twice": `{"kind":"x","kind":"x"}`,
			"NaN": `{"kind":NaN}`, "a comment": `{/**/}`, "a trailing comma": `{"kind":"x",}`, "deep": strings.Repeat("[", 200) + strings.Repeat("]", 200),
		} {
			a := o.base(what)
			a.body, a.allowed = []byte(body), false
			o.send(a)
		}
		a := o.base("no body")
		a.body, a.kind, a.allowed = nil, "", !o.needed
		o.send(a)
		a = o.base("another media type")
		a.kind, a.allowed = "text/plain", false
		o.send(a)
	case "multipart/form-data":
		for name, field := range walkTo(schema, "properties") {
			if name == "file" {
				continue
			}
			for _, value := range o.around(field.(map[string]any), 3) {
				a := o.base(fmt.Sprintf("form %s: %.100q", name, text(value)))
				a.kind, a.body = form(name, text(value))
				a.allowed = o.allows(append(slices.Clone(at), "properties", name), o.parsed(field.(map[string]any), text(value)))
				o.send(a)
			}
		}
	}
}

// form returns a form with one field and a file.
func form(name, value string) (kind string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField(name, value) // writing to a buffer can't fail
	part, _ := w.CreateFormFile("file", "x.xlsx")
	_, _ = io.WriteString(part, "PK\x03\x04 bytes")
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

// invalid are the reasons for requests that the document does not allow. Others are about the state of the server.
var invalid = []string{"REQUEST_INVALID", "FORM_INVALID", "MEDIA_TYPE_UNSUPPORTED"}

func (o *operation) send(a attempt) {
	o.t.Helper()
	path := o.path
	for name, value := range a.path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	query := a.query.Encode()
	if a.raw != "" {
		query = a.raw
	}
	if query != "" {
		path += "?" + query
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	r := o.request(o.method, path, bytes.NewReader(a.body)).WithContext(ctx)
	if a.kind != "" {
		r.Header.Set("Content-Type", a.kind)
	}
	for name, value := range a.headers {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatalf("%s: %v", a.what, err)
	}
	defer resp.Body.Close()
	o.sent++
	var answer struct {
		Reason, Message string
		// A batch is not refused as a whole. It has one result per job.
		Results []struct {
			Error struct{ Reason, Message string }
		}
	}
	if resp.Header.Get("Content-Type") == "application/json" && o.method != http.MethodHead {
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			o.t.Fatalf("%s: %s: %v", a.what, resp.Status, err)
		}
	}
	for _, result := range answer.Results {
		if answer.Reason == "" {
			answer.Reason, answer.Message = result.Error.Reason, result.Error.Message
		}
	}
	if o.method == http.MethodHead && resp.StatusCode == http.StatusBadRequest {
		answer.Reason = "REQUEST_INVALID" // its response has no body
	}
	refused := slices.Contains(invalid, answer.Reason) || resp.StatusCode == http.StatusPreconditionFailed
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		o.t.Errorf("%s: %s %s", a.what, resp.Status, answer.Message)
	case refused && a.allowed:
		o.t.Errorf("%s: the document allows it, but the response is %s %s: %s", a.what, resp.Status, answer.Reason, answer.Message)
	case !refused && !a.allowed:
		o.t.Errorf("%s: the document does not allow it, but the response is %s %s %s", a.what, resp.Status, answer.Reason, answer.Message)
	}
}
