// Package web is the page: its sources, and, once built (make build), the files that the edge serves.
package web

import (
	"embed"
	"io/fs"
)

// dist holds what `npm run build` wrote; .keep lets Go build before that.
//
//go:embed all:dist
var dist embed.FS

// FS gives the built page, with index.html at its root; false if the page has not been built yet.
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
