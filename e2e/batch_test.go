package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestBatchesWorkOverREST(t *testing.T) {
	s := start(t)
	token := s.token("alice")
	var jobs []map[string]any
	for i := range 3 {
		jobs = append(jobs, map[string]any{"kind": "crawl", "title": fmt.Sprint("job ", i), "labels": map[string]string{"batch": "a"}})
	}
	jobs[1]["owner"] = "bob" // not allowed
	status, answer := s.rest(token, "POST", "/api/v1/jobs/batch", map[string]any{"jobs": jobs})
	results, _ := answer["results"].([]any)
	if status != http.StatusOK || len(results) != 3 {
		t.Fatalf("the response to the batch is %d %v", status, answer)
	}
	if got := field(t, results[0].(map[string]any), "job", "title"); got != "job 0" {
		t.Errorf("the first job is %v", got)
	}
	if got := field(t, results[1].(map[string]any), "error", "reason"); got != "SCOPE_MISSING" {
		t.Errorf("the response to a job for another user is %v", got)
	}
	status, answer = s.rest(token, "POST", "/api/v1/jobs/changes", map[string]any{"change": "cancel", "labels": []string{"batch=a"}})
	if status != http.StatusOK {
		t.Fatalf("the response to the change is %d %v", status, answer)
	}
	id := field(t, answer, "job", "jobId").(string)
	s.headway("watch", id, "--token", token)
	_, answer = s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
	if got := mustJSON(t, field(t, answer, "job", "result")); got != `{"changed":2,"refused":0}` {
		t.Errorf("the change has the result %s", got)
	}
	_, answer = s.rest(token, "GET", "/api/v1/jobs?labels=batch%3Da&statuses=cancelled", nil)
	if got := len(field(t, answer, "jobs").([]any)); got != 2 {
		t.Errorf("%d jobs are cancelled", got)
	}
	if status, answer = s.rest(token, "POST", "/api/v1/jobs/changes", map[string]any{"change": "pause"}); status != http.StatusBadRequest {
		t.Errorf("the response to an unknown change is %d %v", status, answer)
	}
}

// Numbers that a double can't represent stay exact, from the request to the job, and on streams.
func TestNumbersStayExactOverREST(t *testing.T) {
	s := start(t)
	token := s.token("alice")
	const payload = `{"id":9007199254740993,"pi":3.14159265358979323846,"list":[12345678901234567890]}`
	auth := "Authorization: Bearer " + token
	created := s.curl("-H", auth, "-H", "Content-Type: application/json", "-d", `{"kind":"crawl", "payload": `+strings.ReplaceAll(payload, ",", ",\n ")+`}`,
		"http://"+s.edge+"/api/v1/jobs")
	if !strings.Contains(created, `"payload":`+payload) {
		t.Fatalf("the new job is %s", created)
	}
	if list := s.curl("-H", auth, "http://"+s.edge+"/api/v1/jobs"); !strings.Contains(list, `"payload":`+payload) || strings.Contains(list, "payloadJson") {
		t.Errorf("the list is %s", list)
	}
}
