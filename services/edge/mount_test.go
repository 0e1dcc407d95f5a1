package edge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"headway/services/edge"
)

// TestEdgeBelowPathPrefix checks that every address in a response has the prefix, whether the proxy keeps or removes
// it.
func TestEdgeBelowPathPrefix(t *testing.T) {
	b := setup(t, func(c *edge.Config) {
		c.BasePath = "/tools/headway/"
		c.Page = fstest.MapFS{"index.html": {Data: []byte(`<!doctype html><html><head><script src="./assets/a.js"></script></head></html>`)}}
	})
	text := func(resp *http.Response) string {
		t.Helper()
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %v", resp.Status, err)
		}
		return string(got)
	}
	for _, path := range []string{"/tools/headway/", "/tools/headway/jobs/media/1", "/"} {
		if got := text(b.do(http.MethodGet, path, nil)); !strings.Contains(got, `<head><base href="/tools/headway/">`) {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"/tools/headway/docs", "/tools/headway/docs/"} {
		if got := text(b.do(http.MethodGet, path, nil)); strings.Contains(got, `="/`) || !strings.Contains(got, `"docs/style.css"`) {
			t.Errorf("%s: the documentation has absolute links", path)
		}
	}
	var api struct{ Servers []struct{ URL string } }
	if err := json.Unmarshal([]byte(text(b.do(http.MethodGet, "/tools/headway/openapi.json", nil))), &api); err != nil || len(api.Servers) != 1 || api.Servers[0].URL != "/tools/headway/" {
		t.Errorf("OpenAPI: %+v %v", api.Servers, err)
	}
	for _, prefix := range []string{"/tools/headway", ""} {
		created := b.do(http.MethodPost, prefix+"/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "5")
		location := created.Header.Get("Location")
		if created.StatusCode != http.StatusCreated || !strings.HasPrefix(location, "/tools/headway/api/v1/uploads/") {
			t.Errorf("tus: %s %q", created.Status, location)
		}
		resp := b.upload(strings.NewReader("PK"), "application/octet-stream", "")
		if location := resp.Header.Get("Location"); !strings.HasPrefix(location, "/tools/headway/api/v1/imports/") {
			t.Errorf("an import: %s %q", resp.Status, location)
		}
		_, answer := b.decode(resp)
		for name, link := range answer["links"].(map[string]any) {
			if !strings.HasPrefix(link.(string), "/tools/headway/api/v1/") {
				t.Errorf("link %s: %s", name, link)
			}
		}
	}
	if link := b.service.SignInLink(); !strings.HasPrefix(link, "/tools/headway/#") {
		t.Errorf("sign-in link %s", link)
	}
	token := b.token("ann")
	for proto, name := range map[string]string{"http": "headway_session", "https": "__Secure-headway_session"} {
		resp := b.do(http.MethodPost, "/tools/headway/api/v1/session", nil, "Authorization", "Bearer "+token, "X-Forwarded-Proto", proto)
		if cookies := resp.Cookies(); len(cookies) != 1 || cookies[0].Path != "/tools/headway/" || !strings.HasPrefix(cookies[0].Name, name+"_") {
			t.Errorf("%s: cookies %v", proto, cookies)
		}
		cookie := resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
		if status, _ := b.get("/tools/headway/api/v1/jobs", "Authorization", "Basic eDp5", "Cookie", cookie, "X-Forwarded-Proto", proto); status != http.StatusOK {
			t.Errorf("%s: with the cookie: %d", proto, status)
		}
	}
	b.jobs.put("j1", "media", "ann", nil)
	b.open("/tools/headway/api/v1/sse/jobs/media/j1").want("connected")
	b.refused(b.do(http.MethodGet, "/tools/headway/api/v1/nothing", nil), http.StatusNotFound, "ROUTE_NOT_FOUND")
}

func TestOnlyTrustedProxiesNamePrefixes(t *testing.T) {
	location := func(b *bench) string {
		return b.do(http.MethodPost, "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "5", "X-Forwarded-Prefix", "/evil").Header.Get("Location")
	}
	for name, test := range map[string]struct {
		proxies []string
		want    string
	}{
		"none":    {nil, "/api/v1/uploads/"},
		"another": {[]string{"10.0.0.0/8"}, "/api/v1/uploads/"},
		"this":    {[]string{"127.0.0.1"}, "/evil/api/v1/uploads/"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *edge.Config) { c.TrustedProxies = test.proxies })
			if got := location(b); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s", got)
			}
			if test.want != "/api/v1/uploads/" {
				b.refused(b.do(http.MethodGet, "/api/v1/jobs", nil, "X-Forwarded-Prefix", "//evil.example"), http.StatusBadRequest, "REQUEST_INVALID")
			}
		})
	}
}

// TestUncleanPathsKeepThePrefix: a path with empty or dotted segments is not one of the API, and a page keeps its prefix.
func TestUncleanPathsKeepThePrefix(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.BasePath = "/tools" })
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, prefix := range []string{"", "/tools"} {
		for _, path := range []string{"//api/v1/jobs", "/api//v1/jobs", "/api/v1/x/../jobs", "/api/v1/./jobs", "/api/v1/jobs/..", "/jobs/../api/v1/session"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				b.refused(b.do(method, prefix+path, nil), http.StatusNotFound, "ROUTE_NOT_FOUND")
			}
		}
		for path, want := range map[string]string{"/jobs//media/1?a=b": "/tools/jobs/media/1?a=b", "//evil.example/..//x/": "/tools/x/", "/./": "/tools/"} {
			if resp := b.do(http.MethodGet, prefix+path, nil); resp.StatusCode != http.StatusPermanentRedirect || resp.Header.Get("Location") != want {
				t.Errorf("%s: %s %s", prefix+path, resp.Status, resp.Header.Get("Location"))
			}
		}
	}
}
