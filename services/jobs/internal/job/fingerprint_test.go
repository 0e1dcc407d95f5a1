package job_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

// TestFingerprintStaysEqualAcrossVersions pins the fingerprint of a request: after an upgrade, the service must not
// refuse to repeat a request that the previous version has stored.
func TestFingerprintStaysEqualAcrossVersions(t *testing.T) {
	spec := job.Spec{
		Kind: "crawl", Owner: "alice", Title: "A crawl", RequestID: "r-1", Priority: -7, MaxAttempts: 5,
		Payload: json.RawMessage(`{"b":9007199254740993,"a":[1, 2]}`), Labels: map[string]string{"team": "search", "empty": ""},
		Steps: []job.PlannedStep{{Name: "fetch", Total: 10, Unit: "pages"}, {Name: "index", Weight: 2}}, Backoff: time.Minute,
		NotBefore: time.Date(2026, 3, 29, 1, 59, 59, 123456789, time.UTC),
	}
	const want = "8e577c10c1f2681d1ced27e7779f66019ff3ddd354845c74164ee68858c6a934"
	if got := hex.EncodeToString(spec.Fingerprint()); got != want {
		t.Errorf("the fingerprint is %s, want %s", got, want)
	}
	same := spec
	same.Payload = json.RawMessage(`{ "a": [1,2], "b": 9007199254740993 }`)
	if hex.EncodeToString(same.Fingerprint()) != want {
		t.Error("the same payload in another form has another fingerprint")
	}
	for name, change := range map[string]func(*job.Spec){
		"payload": func(s *job.Spec) { s.Payload = json.RawMessage(`{"b":9007199254740992,"a":[1,2]}`) },
		"title":   func(s *job.Spec) { s.Title = "" },
		"steps":   func(s *job.Spec) { s.Steps = s.Steps[:1] },
		"labels":  func(s *job.Spec) { s.Labels = map[string]string{"team": "other"} },
		"owner":   func(s *job.Spec) { s.Owner = "bob" },
	} {
		other := spec
		if change(&other); hex.EncodeToString(other.Fingerprint()) == want {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}
