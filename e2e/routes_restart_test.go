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
