// Package site serves the web UI, the API documentation, and the OpenAPI document.
package site

import (
	"bytes"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/mount"
)

// pagePolicy is the Content-Security-Policy of the web UI: same origin only, nothing inline, no framing. Images can be blobs,
// for the output of a job.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
	"connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Headway</title>
<h1>Headway</h1>
<p>This program was built without the web UI. Run <code>make build</code>.
<p>Everything else works: see <a href="docs">the documentation</a>.
</html>
`

// Page serves the web UI. A path without a file also gets index.html, so that the routes of the web UI can be reloaded.
func Page(files fs.FS) http.Handler {
	if files == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			setPageHeaders(w.Header(), "no-cache")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, notBuilt)
		})
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		info, err := fs.Stat(files, name)
		if err != nil || info.IsDir() || name == "index.html" {
			if strings.HasPrefix(name, "assets/") {
				httperr.Write(w, r, httperr.RouteNotFound(r)) // an older web UI requests a file of its build
				return
			}
			setPageHeaders(w.Header(), "no-cache")
			serveIndex(w, r, files)
			return
		}
		cache := "no-cache"
		if strings.HasPrefix(name, "assets/") { // the build puts a hash of the content into these names
			cache = "public, max-age=31536000, immutable"
		}
		setPageHeaders(w.Header(), cache)
		server.ServeHTTP(w, r)
	})
}

func serveIndex(w http.ResponseWriter, r *http.Request, files fs.FS) {
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		httperr.Write(w, r, httperr.RouteNotFound(r))
		return
	}
	info, err := fs.Stat(files, "index.html")
	if err != nil {
		httperr.Write(w, r, httperr.RouteNotFound(r))
		return
	}
	http.ServeContent(w, r, "index.html", info.ModTime(), bytes.NewReader(withBase(index, mount.Base(r.Context()))))
}

// withBase returns the page with the base address of its relative links. The page's own paths can have several
// segments.
func withBase(index []byte, base string) []byte {
	element := `<head><base href="` + html.EscapeString(base) + `/">`
	return bytes.Replace(index, []byte("<head>"), []byte(element), 1)
}

func setPageHeaders(h http.Header, cache string) {
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", cache)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}
