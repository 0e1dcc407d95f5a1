package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// limitFiles limits the size of the files that the server writes. To the server, this looks almost like a full disk.
func (s *server) limitFiles(bytes uint64) {
	s.t.Helper()
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(s.process.Pid(), unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		s.t.Fatal(err)
	}
}

// TestFullDiskIsNamedEverywhere checks that the response, readiness, and the log name a full disk, and that the server
// recovers without a restart.
func TestFullDiskIsNamedEverywhere(t *testing.T) {
	s := start(t)
	token := s.token("ann")
	workbook, _ := s.sample(50, 0)
	create := func() (int, map[string]any) {
		return s.rest(token, "POST", "/api/v1/jobs", map[string]any{"kind": "media"})
	}
	if status, answer := create(); status != http.StatusOK {
		t.Fatalf("before: %d %v", status, answer)
	}
	tus := func() *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.edge+"/api/v1/uploads", strings.NewReader("PK"))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Authorization": "Bearer " + token, "Tus-Resumable": "1.0.0", "Upload-Length": "5", "Content-Type": "application/offset+octet-stream"} {
			r.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	ready := func() (int, string) {
		t.Helper()
		resp, err := http.Get("http://" + s.edge + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}

	s.limitFiles(1)
	status, answer := create()
	refused(t, "a job", status, answer, http.StatusInsufficientStorage, "STORAGE_FULL")
	status, answer = s.upload(token, workbook)
	refused(t, "an upload", status, answer, http.StatusInsufficientStorage, "STORAGE_FULL")
	if resp := tus(); resp.StatusCode != http.StatusInsufficientStorage {
		text, _ := io.ReadAll(resp.Body)
		t.Errorf("a resumable upload: %s %s", resp.Status, text)
	}
	if status, text := ready(); status != http.StatusServiceUnavailable || !strings.Contains(text, `"storage":"full"`) {
		t.Errorf("readiness: %d %s", status, text)
	}
	for _, service := range []string{"jobs", "importer", "edge"} {
		eventually(t, "the log of "+service+" names the full disk", func() error {
			if !logged(s.log.String(), "service="+service, "the disk is full") {
				return errors.New(s.log.String())
			}
			return nil
		})
	}
	if strings.Contains(s.log.String(), "reason=INTERNAL") {
		t.Errorf("an internal error: %s", s.log)
	}

	s.limitFiles(unix.RLIM_INFINITY)
	if status, answer := create(); status != http.StatusOK {
		t.Errorf("afterward: %d %v", status, answer)
	}
	if resp := tus(); resp.StatusCode != http.StatusCreated {
		t.Errorf("afterward: %s", resp.Status)
	}
	eventually(t, "the server is ready again", func() error {
		if status, text := ready(); status != http.StatusOK {
			return errors.New(fmt.Sprint(status, text))
		}
		return nil
	})
}

// logged reports whether a line of the log contains all texts.
func logged(log string, texts ...string) bool {
	for line := range strings.Lines(log) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			return true
		}
	}
	return false
}
