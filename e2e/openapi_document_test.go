package e2e

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"headway/gen/openapi"
)

// document is the OpenAPI document, with an independent validator of its schemas.
type document struct {
	t        *testing.T
	tree     map[string]any
	compiler *jsonschema.Compiler
}

const documentURL = "https://headway.example/openapi.json"

func newDocument(t *testing.T) *document {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.JSON))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource(documentURL, tree); err != nil {
		t.Fatal(err)
	}
	return &document{t, tree.(map[string]any), c}
}

// object returns the object at a path of the document.
func (d *document) object(path ...string) map[string]any {
	return d.follow(walkTo(d.tree, path...))
}

func walkTo(node map[string]any, path ...string) map[string]any {
	for _, key := range path {
		node, _ = node[key].(map[string]any)
	}
	return node
}

// follow returns what a reference refers to.
func (d *document) follow(node map[string]any) map[string]any {
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	return d.object(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// allows reports whether the schema at a path allows a value.
func (d *document) allows(path []string, value any) bool {
	d.t.Helper()
	pointer := ""
	for _, key := range path {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
	}
	schema, err := d.compiler.Compile(documentURL + "#" + pointer)
	if err != nil {
		d.t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		d.t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		d.t.Fatal(err)
	}
	return schema.Validate(decoded) == nil
}
