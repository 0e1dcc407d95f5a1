package e2e

import (
	"net/http"
	"slices"
	"testing"
)

// TestRestartRepeatsNoShownEnd kills the server as soon as a page has the last word of its import. The next stream of the page
// waits for the next import, and doesn't repeat the words of the last one.
func TestRestartRepeatsNoShownEnd(t *testing.T) {
	flags := []string{"--routes", "../deploy/routes/batch-upload.yaml"}
	s := start(t, flags...)
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	file, _ := s.sample(30, 0)
	for range 3 {
		stream := s.openStream(t, "/api/events", auth...)
		if code, body := s.postFile(t, token, "/api/upload-batch", file); code != http.StatusAccepted {
			t.Fatalf("%d %v", code, body)
		}
		for word := ""; word != "COMPLETED"; {
			var ok bool
			if word, ok = stream.next(); !ok {
				t.Fatal("the stream ended before COMPLETED")
			}
		}
		s.kill()
		s.run(flags...)
		stream = s.openStream(t, "/api/events", auth...)
		s.postFile(t, token, "/api/upload-batch", "") // ends the stream, if it waits
		if got := stream.all(); !slices.Equal(got, []string{"FAILED"}) {
			t.Errorf("after a restart, the stream said %q", got)
		}
	}
	// An import whose end no client has received is shown after a restart.
	_, body := s.postFile(t, token, "/api/upload-batch", file)
	s.job(token, field(t, body, "import", "importId").(string), "completed")
	s.kill()
	s.run(flags...)
	if got := s.openStream(t, "/api/events", auth...).all(); !slices.Equal(got, batchWords) {
		t.Errorf("the stream of an end that was not shown said %q", got)
	}
}

// TestUploadAfterResetIgnoresUnseenEnd resets a page in the middle of an import, and uploads again right after that has ended. The
// page's new stream is there before its new file is, and must not end with the first import.
func TestUploadAfterResetIgnoresUnseenEnd(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	file, _ := s.sample(3000, 0)
	first := s.openStream(t, "/api/events", auth...)
	_, body := s.postFile(t, token, "/api/upload-batch", file)
	if word, _ := first.next(); word != batchWords[0] {
		t.Fatalf("the first word is %q", word)
	}
	first.body.Close()
	s.job(token, field(t, body, "import", "importId").(string), "completed")
	second := s.openStream(t, "/api/events", auth...)
	_, body = s.postFile(t, token, "/api/upload-batch", file)
	id := field(t, body, "import", "importId").(string)
	got := second.all()
	_, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
	if status := field(t, answer, "job", "status"); !slices.Equal(got, batchWords) || status != "completed" {
		t.Errorf("the stream said %q while the second import was %v", got, status)
	}
}
