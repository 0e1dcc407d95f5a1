// Package schemas holds the schemas that are built into Headway, as their authors write them.
package schemas

import "embed"

// Files are the built-in schemas: one YAML file each, at the root.
//
//go:embed *.yaml
var Files embed.FS

// JSONSchema describes a schema's YAML to editors (JSON Schema, draft 2020-12). It describes each part. Rules about
// several parts, such as references and keys, are checked when a schema is loaded.
//
//go:embed schema.json
var JSONSchema []byte
