// Package routes serves the routes that an operator declares in files: streams in other formats, jobs that a request starts,
// job states as JSON, proxies to other services, and folders of static files.
package routes

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// maxFileBytes limits a route file.
const maxFileBytes = 1 << 20

// maxTimeout is the longest timeout of a route.
const maxTimeout = 24 * time.Hour

// Route is one entry of a file.
type Route struct {
	// Path is a path with parameters, as {name} or :name. A static route also matches all paths below it.
	Path         string   `yaml:"path"`
	Method       string   `yaml:"method"`
	AuthRequired *bool    `yaml:"auth_required"`
	Timeout      Duration `yaml:"timeout"`
	Description  string   `yaml:"description"`
	// Format is the format of a stream: headway, job_status, progress_update, or step_names.
	Format string `yaml:"format"`
	// Words are the words of step_names, by schema or kind, and by step.
	Words map[string]map[string]string `yaml:"words"`

	ProxyUpstream string `yaml:"proxy_upstream"`
	// IdentitySecret names the environment variable with the secret that signs the caller's name for the upstream.
	IdentitySecret string `yaml:"identity_secret"`

	Watch  *Watch `yaml:"watch"`
	Start  *Start `yaml:"start"`
	Get    *Get   `yaml:"get"`
	Static string `yaml:"static"`

	// position is the location of the entry in its file.
	position string
	// upstream is the address of ProxyUpstream.
	upstream *url.URL
	// secret is the secret of IdentitySecret.
	secret []byte
}

// Watch is the action that streams one job or import, the caller's latest job of a kind, or all of the caller's jobs.
type Watch struct {
	// Job and Import name the path parameter with the ID.
	Job    string `yaml:"job"`
	Kind   string `yaml:"kind"`
	Import string `yaml:"import"`
	Latest string `yaml:"latest"`
	Mine   bool   `yaml:"mine"`
}

// Start is the action that creates a job of a kind, or an import of an uploaded file.
type Start struct {
	Kind    string `yaml:"kind"`
	Title   string `yaml:"title"`
	Payload string `yaml:"payload"`

	Import   string `yaml:"import"`
	OnIssues string `yaml:"on_issues"`
	Mode     string `yaml:"mode"`

	// Answer is stream or accepted.
	Answer             string `yaml:"answer"`
	CancelOnDisconnect bool   `yaml:"cancel_on_disconnect"`
}

// Get is the action that answers with the current state of a job.
type Get struct {
	Job      string `yaml:"job"`
	Kind     string `yaml:"kind"`
	Envelope string `yaml:"envelope"`
}

// Duration is a time such as 300s, or a number of seconds.
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	if seconds, err := strconv.ParseFloat(node.Value, 64); err == nil {
		*d = Duration(seconds * float64(time.Second))
		return nil
	}
	parsed, err := time.ParseDuration(strings.ReplaceAll(node.Value, " ", ""))
	if err != nil {
		return fmt.Errorf("line %d: %q is not a duration. Use one such as 300s or 5m", node.Line, node.Value)
	}
	*d = Duration(parsed)
	return nil
}

// keys has the keys of each mapping. Any other key is an error, so that a typo never disables a check silently.
var keys = map[string][]string{
	"route": {"path", "method", "auth_required", "timeout", "description", "format", "words", "proxy_upstream", "identity_secret", "watch", "start", "get", "static"},
	"watch": {"job", "kind", "import", "latest", "mine"},
	"start": {"kind", "title", "payload", "import", "on_issues", "mode", "answer", "cancel_on_disconnect"},
	"get":   {"job", "kind", "envelope"},
}

// onIssues and modes are the values of on_issues and mode.
var (
	onIssues = []string{"abort", "skip_rows", "review"}
	modes    = []string{"upsert", "insert_only", "update_only"}
)

// Formats are the names of the formats.
var Formats = []string{"headway", "job_status", "progress_update", "step_names"}

// Load reads route files. Its error has all problems, each with its file and line.
func Load(files []string) ([]*Route, error) {
	var (
		all      []*Route
		problems []error
	)
	for _, file := range files {
		routes, err := loadFile(file)
		all, problems = append(all, routes...), append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return all, checkConflicts(all)
}

func loadFile(file string) ([]*Route, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the routes: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s: the file has %d bytes. The maximum is %d", file, len(data), maxFileBytes)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("%s: it is not valid YAML: %w", file, err)
	}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("%s: the file has no routes", file)
	}
	list := document.Content[0]
	if list.Kind == yaml.MappingNode && len(list.Content) == 2 && list.Content[0].Value == "routes" {
		list = list.Content[1]
	}
	nodes := list.Content
	switch {
	case hasKey(list, "path"): // one route
		nodes = []*yaml.Node{list}
	case list.Kind != yaml.SequenceNode:
		return nil, fmt.Errorf("%s:%d: the file must have a list of routes, alone or under the key routes", file, list.Line)
	}
	var (
		routes   []*Route
		problems []error
	)
	for _, node := range nodes {
		position := fmt.Sprintf("%s:%d", file, node.Line)
		route := &Route{position: position}
		err := checkKeys(node, "route")
		if err == nil {
			err = node.Decode(route)
		}
		if err == nil {
			err = route.complete(filepath.Dir(file))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", position, err))
			continue
		}
		routes = append(routes, route)
	}
	return routes, errors.Join(problems...)
}

func hasKey(node *yaml.Node, key string) bool {
	for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return true
		}
	}
	return false
}

// checkKeys reports unknown keys, in a mapping and in the mappings in it.
func checkKeys(node *yaml.Node, of string) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a %s must be a mapping of keys to values", node.Line, of)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if !slices.Contains(keys[of], key.Value) {
			return fmt.Errorf("line %d: a %s can't have the key %q. The allowed keys are %s", key.Line, of, key.Value, strings.Join(keys[of], ", "))
		}
		if _, nested := keys[key.Value]; nested && of == "route" {
			if err := checkKeys(value, key.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// pattern returns the pattern of http.ServeMux.
func (r *Route) pattern() string {
	if r.Static != "" && !strings.HasSuffix(r.Path, "/") {
		return r.Method + " " + r.Path + "/"
	}
	if strings.HasSuffix(r.Path, "/") && r.Static == "" {
		return r.Method + " " + r.Path + "{$}"
	}
	return r.Method + " " + r.Path
}

// checkConflicts reports the first two routes that would answer the same requests.
func checkConflicts(routes []*Route) (err error) {
	mux := http.NewServeMux()
	for _, r := range routes {
		if err := register(mux, r, http.NotFoundHandler()); err != nil {
			return fmt.Errorf("%s: %w", r.position, err)
		}
	}
	return nil
}

// register registers a route. http.ServeMux panics if a pattern conflicts with an earlier one.
func register(mux *http.ServeMux, r *Route, h http.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s %s conflicts with an earlier route", r.Method, r.Path)
		}
	}()
	mux.Handle(r.pattern(), h)
	return nil
}
