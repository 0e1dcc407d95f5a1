package routes

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string) ([]*Route, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load([]string{file})
}

func TestPublishedRouteFilesAreValid(t *testing.T) {
	files, err := filepath.Glob("../../../../deploy/routes/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v", files, err)
	}
	if _, err := Load(files); err != nil {
		t.Error(err)
	}
}

func TestPublishedEntryLoadsAsItIs(t *testing.T) {
	t.Setenv("PROCESSOR_SERVICE_URL", "http://127.0.0.1:9000/base")
	for _, timeout := range []string{"300s", "300", "5m", "300 s", `"300s"`} {
		list, err := load(t, `
routes:
  - path: "/api/v1/process/stream"
    method: "get"
    proxy_upstream: "$PROCESSOR_SERVICE_URL"
    auth_required: true
    timeout: `+timeout+`
    description: "Streams the progress"
`)
		if err != nil {
			t.Fatal(err)
		}
		r := list[0]
		if r.upstream.String() != "http://127.0.0.1:9000/base" || !*r.AuthRequired || time.Duration(r.Timeout) != 5*time.Minute || r.Method != "GET" {
			t.Errorf("%+v", r)
		}
	}
}

func TestFileCanBeOneEntryOrJSON(t *testing.T) {
	t.Setenv("PROCESSOR_SERVICE_URL", "http://127.0.0.1:9000")
	for _, text := range []string{
		"path: /a\nmethod: GET\nproxy_upstream: $PROCESSOR_SERVICE_URL\nauth_required: true\ntimeout: 300s\ndescription: One\n",
		`{"path": "/a", "method": "GET", "proxy_upstream": "$PROCESSOR_SERVICE_URL", "auth_required": true, "timeout": "300s"}`,
		`[{"path": "/a", "proxy_upstream": "${PROCESSOR_SERVICE_URL}", "timeout": 300}]`,
		`{"routes": [{"path": "/a", "proxy_upstream": "$PROCESSOR_SERVICE_URL", "timeout": 300}]}`,
	} {
		list, err := load(t, text)
		if err != nil || len(list) != 1 || list[0].Path != "/a" || time.Duration(list[0].Timeout) != 5*time.Minute {
			t.Errorf("%s loads as %v %v", text, list, err)
		}
	}
}

func TestRouteErrorsNameTheirLocation(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "the file has no routes",
		"a: b":                      ":1: the file must have a list",
		"- {path: /a}":              ":1: it has 0 actions",
		"- {path: a, static: .}":    `path "a" is not valid`,
		"- {path: /a, pth: 1}":      `a route can't have the key "pth"`,
		"\n- {path: /a, static: x}": ":2: static",
		"- {path: /a, static: ., watch: {mine: true}}":                                        "it has 2 actions",
		"- {path: /a, method: FETCH, static: .}":                                              `method "FETCH" is not`,
		"- {path: /a, watch: {mine: true, job: id}}":                                          "a watch needs exactly one",
		"- {path: /a, watch: {job: id}}":                                                      `watch.job is "id", which is not a parameter`,
		"- {path: /a, watch: {mine: true}, format: step_names}":                               "format step_names is for one job",
		"- {path: /a, watch: {latest: import}, format: words}":                                `format "words" is not one of`,
		"- {path: /a, watch: {latest: import}, words: {a: {b: C}}}":                           "words require format: step_names",
		"- {path: /a, watch: {latest: x}, auth_required: false}":                              "auth_required can't be false",
		"- {path: /a, start: {}}":                                                             "a start needs either",
		"- {path: /a, start: {import: workforce}}":                                            "an import needs a file",
		"- {path: /a, start: {kind: x, payload: head}}":                                       `payload "head" is not`,
		"- {path: /a, start: {kind: x, cancel_on_disconnect: true}}":                          "cancel_on_disconnect needs answer: stream",
		"- {path: /a, method: POST, start: {import: w, on_issues: skip}}":                     `on_issues "skip" is not one of`,
		"- {path: /a, method: POST, start: {import: w, mode: merge}}":                         `mode "merge" is not one of`,
		"- {path: /a, get: {job: id}, method: POST}":                                          "get requires the method GET",
		"- {path: /a, timeout: soon, static: .}":                                              `"soon" is not a duration`,
		"- {path: /a, timeout: 30h, static: .}":                                               "timeout 30h0m0s is not between",
		"- {path: /a, proxy_upstream: $HEADWAY_TEST_NOT_SET}":                                 "HEADWAY_TEST_NOT_SET of proxy_upstream is not set",
		"- {path: /a, proxy_upstream: 'ftp://x'}":                                             "It must be an address such as",
		"- {path: '/a/{x}', watch: {job: x}}\n- {path: '/a/:y', get: {job: y}}":               ":2: GET /a/{y} conflicts",
		"- {path: /a, static: ., identity_secret: $X}":                                        "identity_secret is for proxy_upstream",
		"- {path: /a, proxy_upstream: 'http://a', identity_secret: secret}":                   "identity_secret must be the name of",
		"- {path: /a, proxy_upstream: 'http://a', identity_secret: $HEADWAY_TEST_NOT_SET}":    "of identity_secret has 0 bytes",
		"- {path: /a, proxy_upstream: 'http://a', identity_secret: $X, auth_required: false}": "identity_secret is for proxy_upstream with auth_required",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestJSONSchemaHasTheSameKeys(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/routes.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for of, want := range keys {
		got := slices.Sorted(maps.Keys(document.Defs[of].Properties))
		if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: the schema has %q, the code %q", of, got, want)
		}
	}
}

func TestImportOptionsHaveEveryWord(t *testing.T) {
	for _, on := range onIssues {
		for _, mode := range modes {
			o := importOptions(&Start{Import: "w", OnIssues: on, Mode: mode})
			if o.GetOnIssues() == 0 || o.GetMode() == 0 {
				t.Errorf("%s %s: %v", on, mode, o)
			}
		}
	}
}
