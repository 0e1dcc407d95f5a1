// Package schemas holds the schemas that are built into Headway, as their authors write them.
package schemas

import "embed"

// Files are the built-in schemas: one YAML file each, at the root.
//
//go:embed *.yaml
var Files embed.FS

// JSONSchema describes a schema's YAML to editors (JSON Schema, draft 2020-12). It knows the form; what only shows
// between the parts, as in references and keys, is checked on load.
//
//go:embed schema.json
var JSONSchema []byte
