package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"headway/gen/openapi"
)

// routesOfDocument returns the method and path of every route of the OpenAPI document, except streams that do not end.
func routesOfDocument(t testing.TB) [][2]string {
	t.Helper()
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(openapi.JSON, &api); err != nil {
		t.Fatal(err)
	}
	var routes [][2]string
	for path, operations := range api.Paths {
		for method := range operations {
			routes = append(routes, [2]string{strings.ToUpper(method), path})
		}
	}
	if len(routes) < 30 {
		t.Fatalf("%d routes", len(routes))
	}
	return routes
}

// hostile are values for IDs, parameters, headers, and bodies.
var hostile = []string{
	"", "x", "\xff\xfe", "\x00", "../../etc/passwd", "%2e%2e%2f", "a/b", "a:b", ":cancel", strings.Repeat("x", 5000), "é", "\u202e", "-1", "1e999",
	"18446744073709551616", "null", "{}", "[]", `{"kind":1}`, `{"kind":"x","payload":{"a":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}}`,
	`{"kind":"x","notBefore":"99999-01-01T00:00:00Z"}`, `{"labels":{"":""}}`, "' OR 1=1 --", "=cmd|' /C calc'!A0", "\ufeff{}", "\r\nX: y", ";", "&&==",
}

// TestHostileInputIsNeverServerError sends hostile values to every route. No response is a server error.
func TestHostileInputIsNeverServerError(t *testing.T) {
	p := &prober{t: t, server: start(t, "--requests-per-second=-1")}
	for _, route := range routesOfDocument(t) {
		for _, value := range hostile {
			p.probe(route[0], route[1], value)
		}
	}
}

// prober sends requests to a server.
type prober struct {
	t      testing.TB
	server *server
	token  string
}

// bearer returns the token of all requests.
func (p *prober) bearer() string {
	if p.token == "" {
		p.token = p.server.token("ann")
	}
	return p.token
}

func (p *prober) request(method, path string, body io.Reader, headers ...string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.server.edge+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.bearer())
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// probe sends a value to a route in its ID, in a parameter, in headers, and as the body.
func (p *prober) probe(method, path, value string) {
	p.t.Helper()
	in := func(id string) string {
		return strings.NewReplacer("{job_id}", id, "{import_id}", id, "{schema}", id, "{upload_id}", id, "{kind}", "media").Replace(path)
	}
	header := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, value)
	json := []string{"Content-Type", "application/json", "Tus-Resumable", "1.0.0"}
	for _, request := range []*http.Request{
		p.request(method, in(url.PathEscape(value)), nil, json...),
		p.request(method, in("unknown")+"?"+url.QueryEscape(value)+"="+url.QueryEscape(value), nil, json...),
		p.request(method, in("unknown")+"?pageToken="+url.QueryEscape(value)+"&last_event_id="+url.QueryEscape(value)+"&search="+url.QueryEscape(value), nil, json...),
		p.request(method, in("unknown"), strings.NewReader(value), json...),
		p.request(method, in("unknown"), strings.NewReader(value), "Last-Event-ID", header, "Upload-Length", header, "Upload-Metadata", header, "Upload-Offset", header,
			"Content-Type", "multipart/form-data; boundary="+header, "Tus-Resumable", "1.0.0"),
		p.request(method, in("unknown"), strings.NewReader("--B\r\nContent-Disposition: form-data; name=\""+value+"\"\r\n\r\n"+value+"\r\n--B--\r\n"),
			"Content-Type", "multipart/form-data; boundary=B"),
	} {
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			if strings.Contains(err.Error(), "invalid header") || strings.Contains(err.Error(), "malformed HTTP response") {
				continue // the client refuses it
			}
			p.t.Fatalf("%s %q: %v", method, request.URL, err)
		}
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") { // a stream does not end by itself
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		resp.Body.Close()
		if resp.StatusCode >= 500 {
			p.t.Errorf("%s with %.80q: %s", fmt.Sprintf("%s %.200q", method, request.URL.String()), value, resp.Status)
		}
	}
}
