package edge_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestBadInputNamesItsField(t *testing.T) {
	b := setup(t, nil)
	for name, test := range map[string]struct {
		method, path, body, message string
	}{
		"an unknown parameter":               {"GET", "/api/v1/jobs?kind=nope", "", "kind: There is no such parameter. This route has these parameters: kinds,"},
		"a parameter of a route without any": {"GET", "/api/v1/jobs/j1?verbose=1", "", "verbose: There is no such parameter. This route has no parameters."},
		"one of a custom method":             {"POST", "/api/v1/jobs/j1:cancel?force=1", "{}", "force: There is no such parameter."},
		"one of a stream":                    {"GET", "/api/v1/sse/jobs/my?since=1", "", "since: There is no such parameter. This route has these parameters: last_event_id."},
		"a number below 0":                   {"GET", "/api/v1/jobs?page_size=-1", "", "page_size: It must be a whole number, 0 or more."},
		"a time":                             {"GET", "/api/v1/jobs?created_after=yesterday", "", "created_after: It must be a time, for example 2026-01-31T08:00:00Z."},
		"an id":                              {"GET", "/api/v1/jobs/%ff%fe", "", "job_id: It must be UTF-8 text."},
		"an id of a stream":                  {"GET", "/api/v1/sse/imports/%ff%fe", "", "import_id: It must be UTF-8 text."},
		"a page token":                       {"GET", "/api/v1/jobs?page_token=%ff", "", "page_token: It must be UTF-8 text."},
		"a malformed query":                  {"GET", "/api/v1/jobs?page_token=%zz", "", "query: The query is malformed."},
		"text in a body":                     {"POST", "/api/v1/jobs", `{"kind":"x","title":"` + "\xff" + `"}`, "body: It must be UTF-8 text."},
		"a time of a body":                   {"POST", "/api/v1/jobs", `{"kind":"x","not_before":"10000-01-01T00:00:00Z"}`, "not_before: It must be a time"},
		"a nested field":                     {"POST", "/api/v1/jobs", `{"kind":"x","steps":[{"name":"a"},{"nam":"b"}]}`, "steps[1].nam: There is no such field."},
		"a broken body":                      {"POST", "/api/v1/jobs", `{"kind":"x"`, "body: It must be JSON, but it ends too early."},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := b.decode(b.do(test.method, test.path, strings.NewReader(test.body), "Content-Type", "application/json"))
			message, _ := answer["message"].(string)
			if status != http.StatusBadRequest || answer["reason"] != "REQUEST_INVALID" || !strings.HasPrefix(message, test.message) {
				t.Errorf("%d %v", status, answer)
			}
		})
	}
	b.refused(b.do(http.MethodPost, "/api/v1/jobs", strings.NewReader("\x1f\x8b"), "Content-Type", "application/json", "Content-Encoding", "gzip"),
		http.StatusUnsupportedMediaType, "MEDIA_TYPE_UNSUPPORTED")
	if resp := b.do(http.MethodGet, "/api/v1/jobs?pageSize=1&page_token=&kinds=a&kinds=b", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("both forms of names: %s", resp.Status)
	}
	if strings.Contains(b.log.String(), `"level":"ERROR"`) {
		t.Errorf("the log has an error: %s", b.log)
	}
}
