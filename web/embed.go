// Package web has the sources of the web UI and, after make build, the files that the edge serves.
package web

import (
	"embed"
	"io/fs"
)

// dist is the output of `npm run build`. With .keep, Go builds without it.
//
//go:embed all:dist
var dist embed.FS

// FS returns the files of the web UI, with index.html at the root. It reports whether the web UI has been built.
func FS() (fs.FS, bool) {
	page, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, false
	}
	if _, err := fs.Stat(page, "index.html"); err != nil {
		return nil, false
	}
	return page, true
}
