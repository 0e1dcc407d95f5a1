package e2e

import (
	"encoding/json"
	"io/fs"
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

func TestDocumentedTestsExist(t *testing.T) {
	exists := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, name := range declared.FindAllSubmatch(text, -1) {
				exists[string(name[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)`")
	for _, page := range []string{"SECURITY.md", "docs/jobs.md"} {
		for _, test := range named.FindAllStringSubmatch(read(t, page), -1) {
			if !exists[test[1]] {
				t.Errorf("%s names %s, which does not exist", page, test[1])
			}
		}
	}
	threats := 0
	for _, line := range strings.Split(read(t, "SECURITY.md"), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| threat |") {
			continue
		}
		threats++
		if !named.MatchString(line) {
			t.Errorf("SECURITY.md has a threat without a test: %s", line)
		}
	}
	if threats < 30 {
		t.Errorf("only %d threats were found in SECURITY.md", threats)
	}
}
