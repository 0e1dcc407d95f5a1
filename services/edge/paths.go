package edge

import (
	"net/http"
	"path"
	"strings"

	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/mount"
)

// withPlainPaths answers requests for paths with empty, . or .. segments. http.ServeMux would redirect them, without the prefix
// that a proxy has cut off, and a redirected POST would lose its body. No route has such a path, so only pages are redirected.
func withPlainPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := r.URL.EscapedPath()
		plain := plainPath(escaped)
		switch {
		case plain == escaped:
			next.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead, strings.HasPrefix(plain, "/api/"):
			httperr.Write(w, r, httperr.RouteNotFound(r))
		default:
			target := mount.Base(r.Context()) + plain
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			w.Header().Set("Location", target) // it begins with one slash, so it is on this site
			w.WriteHeader(http.StatusPermanentRedirect)
		}
	})
}

// plainPath returns a path as http.ServeMux cleans it.
func plainPath(escaped string) string {
	plain := path.Clean("/" + escaped)
	if strings.HasSuffix(escaped, "/") && plain != "/" {
		plain += "/"
	}
	return plain
}
