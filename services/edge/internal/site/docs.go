package site

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"headway/services/edge/internal/mount"
)

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle []byte

const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Docs serves an OpenAPI document, as JSON and as an HTML page.
type Docs struct {
	document, page []byte
}

// NewDocs renders the document.
func NewDocs(document []byte) (*Docs, error) {
	if bytes.Count(document, rootServer) != 1 {
		return nil, fmt.Errorf("the OpenAPI document has no server with %s", rootServer)
	}
	var api openAPI
	if err := json.Unmarshal(document, &api); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	t, err := template.New("docs").Funcs(template.FuncMap{"paragraphs": paragraphs}).Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the documentation's template: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, api.view()); err != nil {
		return nil, fmt.Errorf("render the documentation: %w", err)
	}
	return &Docs{document: document, page: page.Bytes()}, nil
}

// Document serves GET /openapi.json.
func (d *Docs) Document(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "application/json")
	// The only server in the document is the address at which the client has requested it.
	text, _ := json.Marshal(mount.Base(r.Context()) + "/")
	_, _ = w.Write(bytes.Replace(d.document, rootServer, append([]byte(`"url": `), text...), 1))
}

// rootServer is the server in the generated document.
var rootServer = []byte(`"url": "/"`)

// Page serves GET /docs.
func (d *Docs) Page(w http.ResponseWriter, _ *http.Request) {
	setPageHeaders(w.Header(), "no-cache")
	w.Header().Set("Content-Security-Policy", docsPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(d.page)
}

// Style serves GET /docs/style.css.
func (d *Docs) Style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(docsStyle)
}

// openAPI is the part of an OpenAPI 3.1 document that the page shows.
type openAPI struct {
	Info struct {
		Title, Version, Description string
	}
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    map[string]*schema
	}
}

type operation struct {
	OperationID, Summary, Description string
	Tags                              []string
	Parameters                        []parameter
	RequestBody                       *struct {
		Content map[string]mediaType
	}
	Responses map[string]response
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                *schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]mediaType
}

type mediaType struct{ Schema *schema }

type schema struct {
	Ref                       string `json:"$ref"`
	Type, Format, Description string
	Enum                      []any
	Const                     any
	Properties                map[string]*schema
	Required                  []string
	Items                     *schema
	AdditionalProperties      json.RawMessage
	OneOf, AnyOf, AllOf       []*schema
}

// The view is the input of the template.
type (
	docsView struct {
		Title, Version, Description string
		Groups                      []groupView
		Schemas                     []schemaView
	}
	groupView struct {
		Name       string
		Operations []operationView
	}
	operationView struct {
		ID, Method, Path, Summary, Description string
		Parameters                             []fieldView
		Bodies                                 []contentView
		Responses                              []responseView
	}
	responseView struct {
		Status, Description string
		Contents            []contentView
	}
	contentView struct {
		Media  string
		Type   typeView
		Fields []fieldView
	}
	fieldView struct {
		Name, In, Description string
		Required              bool
		Type                  typeView
	}
	schemaView struct {
		Name, Description string
		Enum              []string
		Fields            []fieldView
	}
	// typeView is a type as text, with a link if it has a name: before + link + after.
	typeView struct{ Before, Link, After string }
)

func (a *openAPI) view() docsView {
	v := docsView{Title: a.Info.Title, Version: a.Info.Version, Description: a.Info.Description}
	groups := map[string][]operationView{}
	for _, path := range slices.Sorted(maps.Keys(a.Paths)) {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if op, ok := a.Paths[path][method]; ok {
				tag := "Other"
				if len(op.Tags) > 0 {
					tag = op.Tags[0]
				}
				groups[tag] = append(groups[tag], a.operationView(strings.ToUpper(method), path, op))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		v.Groups = append(v.Groups, groupView{name, groups[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(a.Components.Schemas)) {
		s := a.Components.Schemas[name]
		sv := schemaView{Name: name, Description: s.Description, Fields: s.fields()}
		for _, value := range s.Enum {
			sv.Enum = append(sv.Enum, fmt.Sprint(value))
		}
		v.Schemas = append(v.Schemas, sv)
	}
	return v
}

func (a *openAPI) operationView(method, path string, op operation) operationView {
	v := operationView{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = a.Components.Parameters[name]
		}
		v.Parameters = append(v.Parameters, fieldView{p.Name, p.In, p.Description, p.Required, p.Schema.typeView()})
	}
	if op.RequestBody != nil {
		v.Bodies = contents(op.RequestBody.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
			r = a.Components.Responses[name]
		}
		v.Responses = append(v.Responses, responseView{status, r.Description, contents(r.Content)})
	}
	return v
}

func contents(content map[string]mediaType) []contentView {
	var views []contentView
	for _, media := range slices.Sorted(maps.Keys(content)) {
		s := content[media].Schema
		views = append(views, contentView{media, s.typeView(), s.fields()})
	}
	return views
}

func (s *schema) fields() []fieldView {
	if s == nil {
		return nil
	}
	var views []fieldView
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		views = append(views, fieldView{Name: name, Description: p.Description, Required: slices.Contains(s.Required, name), Type: p.typeView()})
	}
	return views
}

func (s *schema) typeView() typeView {
	if s == nil {
		return typeView{}
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return typeView{Link: name}
	}
	for _, choice := range [][]*schema{s.AllOf, s.AnyOf, s.OneOf} {
		if len(choice) > 0 {
			return choice[0].typeView()
		}
	}
	switch {
	case s.Type == "array":
		v := s.Items.typeView()
		v.Before = "array of " + v.Before
		return v
	case s.Const != nil:
		return typeView{Before: fmt.Sprintf("%q", s.Const)}
	case len(s.AdditionalProperties) > 1 && s.AdditionalProperties[0] == '{':
		var value schema
		if json.Unmarshal(s.AdditionalProperties, &value) == nil {
			v := value.typeView()
			v.Before = "map of " + v.Before
			return v
		}
	case s.Format != "":
		return typeView{Before: s.Type + " (" + s.Format + ")"}
	}
	return typeView{Before: s.Type}
}

// paragraphs splits a description at its empty lines.
func paragraphs(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
