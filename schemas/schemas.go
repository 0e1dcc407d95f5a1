// Package schemas holds the schemas that are built into Headway, as their authors write them.
package schemas

import "embed"

// Files are the built-in schemas: one YAML file each, at the root.
//
//go:embed *.yaml
var Files embed.FS
