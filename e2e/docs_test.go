package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestProxyDocsMatchTestedConfigurations(t *testing.T) {
	page := read(t, "docs", "proxies.md")
	for file, language := range map[string]string{"nginx/headway.conf": "nginx", "nginx/headway-prefix.conf": "nginx", "caddy/Caddyfile": "caddy"} {
		if !strings.Contains(page, "```"+language+"\n"+read(t, "deploy", file)+"```") {
			t.Errorf("docs/proxies.md does not contain deploy/%s unchanged", file)
		}
	}
}

// TestNginxBuffersNoUpload checks that nginx forwards the bodies of all routes that accept files while they arrive.
func TestNginxBuffersNoUpload(t *testing.T) {
	var api struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]any `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(read(t, "gen", "openapi", "headway.openapi.json")), &api); err != nil {
		t.Fatal(err)
	}
	unbuffered := regexp.MustCompile(`location ~ (\S+) \{[^}]*proxy_request_buffering off;`)
	for _, file := range []string{"nginx/headway.conf", "compose/nginx.conf"} {
		location := unbuffered.FindStringSubmatch(read(t, "deploy", file))
		if location == nil {
			t.Errorf("deploy/%s has no location for uploads", file)
			continue
		}
		matches := regexp.MustCompile(location[1])
		routes := 0
		for path, methods := range api.Paths {
			for method, operation := range methods {
				_, isJSON := operation.RequestBody.Content["application/json"]
				if len(operation.RequestBody.Content) == 0 || isJSON {
					continue
				}
				if routes++; !matches.MatchString(path) {
					t.Errorf("deploy/%s buffers the body of %s %s", file, strings.ToUpper(method), path)
				}
			}
		}
		if routes == 0 {
			t.Error("no route accepts files")
		}
	}
}
