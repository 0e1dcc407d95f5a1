package edge_test

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge"
)

func TestRESTUsesEnumWordsAndActsForCaller(t *testing.T) {
	b := setup(t, nil)
	status, body := b.decode(b.do(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"kind":"media","title":"T","payload":{"n":1}}`), "Content-Type", "application/json; charset=utf-8"))
	job, _ := body["job"].(map[string]any)
	if status != 200 || job["status"] != "queued" || job["owner"] != "ann" || job["outputBytes"] != 0.0 {
		t.Fatalf("%d %v", status, body)
	}
	b.jobs.put("j1", "media", "ann", nil)
	_, body = b.get("/api/v1/jobs?statuses=active")
	if jobs, _ := body["jobs"].([]any); len(jobs) != 1 {
		t.Errorf("filter by a word: %v", body)
	}
	if status, body = b.get("/api/v1/jobs/j1"); status != 200 || body["job"].(map[string]any)["jobId"] != "j1" {
		t.Errorf("%d %v", status, body)
	}
	b.refused(b.do(http.MethodGet, "/api/v1/jobs/j1", nil, "Authorization", "Bearer "+b.token("bob")), http.StatusNotFound, "JOB_NOT_FOUND")
	status, body = b.decode(b.do(http.MethodPost, "/api/v1/jobs/j1:cancel", nil))
	if status != 200 || body["job"].(map[string]any)["cancelRequested"] != true {
		t.Errorf("cancel without a body: %d %v", status, body)
	}
	b.jobs.put("j2", "media", "ann", func(j *jobsv1.Job) { j.Status = completed })
	b.refused(b.do(http.MethodPost, "/api/v1/jobs/j2:cancel", strings.NewReader("{}"), "Content-Type", "application/json"), http.StatusConflict, "JOB_FINISHED")
	// With a cookie, the caller is the cookie's user.
	if _, body = b.get("/api/v1/jobs", "Authorization", "", "Cookie", b.signIn()); len(body["jobs"].([]any)) != 0 {
		t.Errorf("by cookie: %v", body)
	}
	resp := b.do(http.MethodHead, "/api/v1/jobs/j1", nil)
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(text) != 0 {
		t.Errorf("HEAD: %s %q", resp.Status, text)
	}
}

func TestRequestIDIsPassedOn(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	if got := b.do(http.MethodGet, "/api/v1/jobs/j1", nil, "X-Request-Id", "trace-1.2").Header.Get("X-Request-Id"); got != "trace-1.2" {
		t.Errorf("answered with %q", got)
	}
	b.jobs.mu.Lock()
	seen := slices.Contains(b.jobs.requests, "trace-1.2")
	b.jobs.mu.Unlock()
	if !seen {
		t.Error("the service did not get it")
	}
	for _, bad := range []string{strings.Repeat("x", 65), "a b", `a"b`} {
		if got := b.do(http.MethodGet, "/healthz", nil, "X-Request-Id", bad).Header.Get("X-Request-Id"); got == bad || got == "" {
			t.Errorf("%q was answered with %q", bad, got)
		}
	}
}

func TestErrorsHaveOneForm(t *testing.T) {
	b := setup(t, nil)
	json := []string{"Content-Type", "application/json"}
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		reason             string
	}{
		"no such route":            {"GET", "/api/v1/nothing", "", nil, 404, "ROUTE_NOT_FOUND"},
		"no such route to post":    {"POST", "/api/nothing", "", nil, 404, "ROUTE_NOT_FOUND"},
		"no such action":           {"POST", "/api/v1/jobs/j1:explode", "", nil, 404, "ROUTE_NOT_FOUND"},
		"broken JSON":              {"POST", "/api/v1/jobs", `{"kind":`, json, 400, "REQUEST_INVALID"},
		"an unknown field":         {"POST", "/api/v1/jobs", `{"knid":"x"}`, json, 400, "REQUEST_INVALID"},
		"a field out of bounds":    {"POST", "/api/v1/jobs", `{"kind":"No Kind"}`, json, 400, "REQUEST_INVALID"},
		"text instead of a number": {"GET", "/api/v1/jobs?pageSize=many", "", nil, 400, "REQUEST_INVALID"},
		"a form instead of JSON": {"POST", "/api/v1/jobs", "kind=x", []string{"Content-Type", "application/x-www-form-urlencoded"},
			415, "MEDIA_TYPE_UNSUPPORTED"},
		"a body too large": {"POST", "/api/v1/jobs", `{"title":"` + strings.Repeat("x", 2<<20) + `"}`, json, 413, "REQUEST_INVALID"},
		"an unknown job":   {"GET", "/api/v1/jobs/none", "", nil, 404, "JOB_NOT_FOUND"},
		"what is not done": {"GET", "/api/v1/schemas", "", nil, 500, "INTERNAL"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := b.do(test.method, test.path, strings.NewReader(test.body), test.headers...)
			if got := resp.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			b.refused(resp, test.status, test.reason)
		})
	}
	resp := b.do(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"kind":"No Kind"}`), json...)
	_, body := b.decode(resp)
	details, _ := body["details"].([]any)
	if len(details) != 1 || !strings.Contains(details[0].(map[string]any)["@type"].(string), "BadRequest") {
		t.Errorf("details: %v", body)
	}
}

func TestUnknownMethodGetsListOfAllowed(t *testing.T) {
	b := setup(t, nil)
	for path, want := range map[string]string{
		"/api/v1/jobs": "GET, HEAD, POST", "/api/v1/imports": "GET, HEAD, POST", "/api/v1/jobs/j1": "DELETE, GET, HEAD, POST",
		"/api/v1/sse/jobs/my": "GET, HEAD", "/api/v1/sse/tickets": "POST", "/openapi.json": "GET, HEAD",
	} {
		resp := b.do(http.MethodPut, path, nil)
		if got := resp.Header.Get("Allow"); got != want {
			t.Errorf("%s: Allow %q, want %q", path, got, want)
		}
		b.refused(resp, http.StatusMethodNotAllowed, "ROUTE_NOT_FOUND")
	}
}

func TestUnreachableServiceIsReported(t *testing.T) {
	b := setup(t, nil)
	b.jobsUp.stop()
	resp := b.do(http.MethodGet, "/api/v1/jobs", nil)
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	status, body := b.decode(resp)
	if status != http.StatusServiceUnavailable || body["reason"] != "UNAVAILABLE" || strings.Contains(body["message"].(string), b.jobsUp.addr) {
		t.Errorf("%d %v", status, body)
	}
}

func TestDownloadsHaveFileNames(t *testing.T) {
	b := setup(t, nil)
	resp := b.do(http.MethodGet, "/api/v1/schemas/workforce/sample.xlsx?rows=3&issues=1&seed=7", nil)
	text, err := io.ReadAll(resp.Body)
	if err != nil || len(text) != 3000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	h := resp.Header
	if h.Get("Content-Type") != xlsxType || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	if got, want := h.Get("Content-Disposition"), `attachment; filename="Pr_fung _1_.xlsx"; filename*=UTF-8''Pr%C3%BCfung%20%221%22.xlsx`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	_, params, err := mime.ParseMediaType(b.do(http.MethodGet, "/api/v1/imports/i1/issues.csv", nil).Header.Get("Content-Disposition"))
	if err != nil || params["filename"] != "issues.csv" {
		t.Errorf("%v %v", params, err)
	}
	b.refused(b.do(http.MethodGet, "/api/v1/imports/i1/report.xlsx", nil), http.StatusConflict, "REPORT_NOT_READY")
	b.refused(b.do(http.MethodGet, "/api/v1/imports/i1/imported.xlsx", nil), http.StatusConflict, "NOTHING_COMMITTED")
	b.refused(b.do(http.MethodGet, "/api/v1/schemas/none/sample.xlsx", nil), http.StatusNotFound, "SCHEMA_NOT_FOUND")
	b.refused(b.do(http.MethodGet, "/api/v1/schemas/workforce/sample.xlsx?rows=-1", nil), http.StatusBadRequest, "REQUEST_INVALID")
}

func TestFilesPassThroughGRPCGateway(t *testing.T) {
	b := setup(t, nil)
	if resp := b.do(http.MethodPost, "/api/v1/imports", strings.NewReader("PK workbook")); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("the upload got %s", resp.Status)
	}
	if resp := b.do(http.MethodGet, "/api/v1/schemas/workforce/sample.xlsx?rows=1", nil); resp.StatusCode != http.StatusOK {
		t.Fatalf("the download got %s", resp.Status)
	}
	host := strings.TrimPrefix(b.url, "http://")
	b.importer.state(func() {
		if want := []string{host, host}; !slices.Equal(b.importer.hosts, want) { // they are only in the gateway's context
			t.Errorf("the importer got the hosts %q, want %q", b.importer.hosts, want)
		}
	})
}

func TestBrokenDownloadDoesNotLookComplete(t *testing.T) {
	b := setup(t, nil)
	resp := b.do(http.MethodGet, "/api/v1/schemas/workforce/sample.xlsx?rows=1000", nil)
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("half a file was taken for a whole one")
	}
}

func TestDocsNeedNoScript(t *testing.T) {
	b := setup(t, nil)
	resp := b.do(http.MethodGet, "/docs", nil, "Authorization", "")
	text, _ := io.ReadAll(resp.Body)
	page := string(text)
	for _, want := range []string{"/api/v1/sse/jobs/{kind}/{job_id}", "UploadWorkbook", "headway.jobs.v1.Job", "openapi.json"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") || strings.Contains(resp.Header.Get("Content-Security-Policy"), "unsafe") {
		t.Error("the page has something inline")
	}
	if other, _ := io.ReadAll(b.do(http.MethodGet, "/docs/", nil).Body); string(other) != page {
		t.Errorf("/docs/ is another page: %.200s", other)
	}
	if style := b.do(http.MethodGet, "/docs/style.css", nil); !strings.HasPrefix(style.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %v", style.Header)
	}
	if status, doc := b.get("/openapi.json", "Authorization", ""); status != 200 || doc["openapi"] == nil {
		t.Errorf("document: %d", status)
	}
}

func TestPageIsServedWithItsRoutesAndCachedByItsNames(t *testing.T) {
	b := setup(t, func(c *edge.Config) {
		c.Page = fstest.MapFS{
			"index.html":         {Data: []byte("<!doctype html><title>page</title>")},
			"assets/app-1a2b.js": {Data: []byte("1")},
			"favicon.svg":        {Data: []byte("<svg/>")},
		}
	})
	for path, cache := range map[string]string{
		"/": "no-cache", "/index.html": "no-cache", "/jobs/42": "no-cache", "/assets": "no-cache", "/favicon.svg": "no-cache",
		"/assets/app-1a2b.js": "public, max-age=31536000, immutable",
	} {
		resp := b.do(http.MethodGet, path, nil, "Authorization", "")
		csp := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != cache || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s %v", path, resp.Status, resp.Header)
		}
		text, _ := io.ReadAll(resp.Body)
		if page := strings.Contains(string(text), "<title>page"); page != (path != "/favicon.svg" && path != "/assets/app-1a2b.js") {
			t.Errorf("%s: got %q", path, text)
		}
	}
	b.refused(b.do(http.MethodGet, "/assets/app-old.js", nil), http.StatusNotFound, "ROUTE_NOT_FOUND")
	b.refused(b.do(http.MethodPost, "/jobs/42", nil), http.StatusNotFound, "ROUTE_NOT_FOUND")
}

func TestMissingPageIsExplained(t *testing.T) {
	b := setup(t, nil)
	resp := b.do(http.MethodGet, "/", nil, "Authorization", "")
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(text), "make build") {
		t.Errorf("%s %q", resp.Status, text)
	}
}
