package routes

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	colonParameter = regexp.MustCompile(`/:([A-Za-z_][A-Za-z0-9_]*)`)
	parameter      = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	pathPattern    = regexp.MustCompile(`^(/([A-Za-z0-9._~!$&'()*+,;=@%-]*|\{[A-Za-z_][A-Za-z0-9_]*\}))+$`)
)

// complete checks a route, and fills in defaults. Paths of folders are relative to dir.
func (r *Route) complete(dir string) error {
	r.Path = colonParameter.ReplaceAllString(r.Path, "/{$1}")
	r.Method = strings.ToUpper(r.Method)
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if !pathPattern.MatchString(r.Path) {
		return fmt.Errorf("path %q is not valid. Use one such as /api/v1/jobs/{job_id}", r.Path)
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, r.Method) {
		return fmt.Errorf("method %q is not one of GET, POST, PUT, PATCH, DELETE", r.Method)
	}
	if r.Timeout < 0 || time.Duration(r.Timeout) > maxTimeout {
		return fmt.Errorf("timeout %v is not between 0 and %v", time.Duration(r.Timeout), maxTimeout)
	}
	actions := 0
	for _, set := range []bool{r.ProxyUpstream != "", r.Watch != nil, r.Start != nil, r.Get != nil, r.Static != ""} {
		if set {
			actions++
		}
	}
	if actions != 1 {
		return fmt.Errorf("it has %d actions. Set exactly one of proxy_upstream, watch, start, get, static", actions)
	}
	if err := r.completeAction(dir); err != nil {
		return err
	}
	if r.AuthRequired == nil {
		required := r.Static == ""
		r.AuthRequired = &required
	}
	if !*r.AuthRequired && r.ProxyUpstream == "" && r.Static == "" {
		return errors.New("auth_required can't be false: a job belongs to its caller")
	}
	if err := r.resolveSecret(); err != nil {
		return err
	}
	return r.checkFormat()
}

func (r *Route) completeAction(dir string) error {
	switch {
	case r.ProxyUpstream != "":
		return r.resolveUpstream()
	case r.Watch != nil:
		return r.checkWatch()
	case r.Start != nil:
		return r.checkStart()
	case r.Get != nil:
		if r.Method != http.MethodGet {
			return fmt.Errorf("get requires the method GET, not %s", r.Method)
		}
		return r.checkParameter("get.job", r.Get.Job)
	}
	if r.Method != http.MethodGet {
		return fmt.Errorf("static requires the method GET, not %s", r.Method)
	}
	if !filepath.IsAbs(r.Static) {
		r.Static = filepath.Join(dir, r.Static)
	}
	if info, err := os.Stat(r.Static); err != nil || !info.IsDir() {
		return fmt.Errorf("static %q is not a folder", r.Static)
	}
	return nil
}

// resolveUpstream replaces environment variables ($NAME) in the address of an upstream.
func (r *Route) resolveUpstream() error {
	var missing []string
	address := os.Expand(r.ProxyUpstream, func(name string) string {
		value, ok := os.LookupEnv(name)
		if !ok || value == "" {
			missing = append(missing, name)
		}
		return value
	})
	if len(missing) > 0 {
		return fmt.Errorf("the environment variable %s of proxy_upstream is not set", strings.Join(missing, ", "))
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("proxy_upstream is %q. It must be an address such as http://127.0.0.1:9000", address)
	}
	r.upstream = u
	return nil
}

// minSecretBytes is the minimum length of a key for HS256 (RFC 7518 §3.2).
const minSecretBytes = 32

var variable = regexp.MustCompile(`^\$([A-Za-z_][A-Za-z0-9_]*)$`)

// resolveSecret reads the secret that signs the caller's name. It is never in the file itself.
func (r *Route) resolveSecret() error {
	if r.IdentitySecret == "" {
		return nil
	}
	if r.ProxyUpstream == "" || !*r.AuthRequired {
		return errors.New("identity_secret is for proxy_upstream with auth_required: it signs the caller's name")
	}
	name := variable.FindStringSubmatch(r.IdentitySecret)
	if name == nil {
		return errors.New("identity_secret must be the name of an environment variable with the secret, for example $PROCESSOR_SECRET")
	}
	r.secret = []byte(os.Getenv(name[1]))
	if len(r.secret) < minSecretBytes {
		return fmt.Errorf("the environment variable %s of identity_secret has %d bytes. It needs at least %d. To make a secret, run: openssl rand -base64 48",
			name[1], len(r.secret), minSecretBytes)
	}
	return nil
}

func (r *Route) checkWatch() error {
	if r.Method != http.MethodGet {
		return fmt.Errorf("watch requires the method GET, not %s", r.Method)
	}
	w, set := r.Watch, 0
	for _, is := range []bool{w.Job != "", w.Import != "", w.Latest != "", w.Mine} {
		if is {
			set++
		}
	}
	if set != 1 {
		return errors.New("a watch needs exactly one of job, import, latest, mine")
	}
	if w.Kind != "" && w.Job == "" {
		return errors.New("a watch can have a kind only together with job")
	}
	if w.Job != "" {
		return r.checkParameter("watch.job", w.Job)
	}
	if w.Import != "" {
		return r.checkParameter("watch.import", w.Import)
	}
	return nil
}

func (r *Route) checkStart() error {
	s := r.Start
	if (s.Kind == "") == (s.Import == "") {
		return errors.New("a start needs either the kind of a job, or the schema of an import")
	}
	if s.Answer == "" {
		s.Answer = "stream"
		if r.Format == "" {
			s.Answer = "accepted"
		}
	}
	if s.Answer != "stream" && s.Answer != "accepted" {
		return fmt.Errorf("answer %q is not one of stream, accepted", s.Answer)
	}
	if s.CancelOnDisconnect && s.Answer != "stream" {
		return errors.New("cancel_on_disconnect needs answer: stream")
	}
	if s.Import != "" {
		if r.Method != http.MethodPost && r.Method != http.MethodPut {
			return fmt.Errorf("an import needs a file, which the method %s does not send. Use POST", r.Method)
		}
		if s.OnIssues != "" && !slices.Contains(onIssues, s.OnIssues) {
			return fmt.Errorf("on_issues %q is not one of %s", s.OnIssues, strings.Join(onIssues, ", "))
		}
		if s.Mode != "" && !slices.Contains(modes, s.Mode) {
			return fmt.Errorf("mode %q is not one of %s", s.Mode, strings.Join(modes, ", "))
		}
		if s.Payload != "" || s.Title != "" {
			return errors.New("payload and title are for jobs, not for imports")
		}
		return nil
	}
	if s.OnIssues != "" || s.Mode != "" {
		return errors.New("on_issues and mode are for imports")
	}
	if s.Payload == "" {
		s.Payload = "both"
	}
	if !slices.Contains([]string{"query", "body", "both"}, s.Payload) {
		return fmt.Errorf("payload %q is not one of query, body, both", s.Payload)
	}
	return nil
}

// checkParameter checks that a name is a parameter of the path.
func (r *Route) checkParameter(field, name string) error {
	for _, found := range parameter.FindAllStringSubmatch(r.Path, -1) {
		if found[1] == name {
			return nil
		}
	}
	return fmt.Errorf("%s is %q, which is not a parameter of the path %s", field, name, r.Path)
}

func (r *Route) checkFormat() error {
	streams := r.Watch != nil || r.Start != nil && r.Start.Answer == "stream"
	switch {
	case r.Format == "" && streams:
		r.Format = "headway"
	case r.Format == "":
	case !slices.Contains(Formats, r.Format):
		return fmt.Errorf("format %q is not one of %s", r.Format, strings.Join(Formats, ", "))
	case !streams:
		return errors.New("only a watch, and a start with answer: stream, can have a format")
	}
	if len(r.Words) > 0 && r.Format != "step_names" {
		return errors.New("words require format: step_names")
	}
	if r.Watch != nil && r.Watch.Mine && (r.Format == "step_names" || r.Format == "progress_update") {
		return fmt.Errorf("format %s is for one job, and this route streams all jobs of the caller", r.Format)
	}
	return nil
}
