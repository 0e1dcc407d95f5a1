package upload_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"headway/internal/auth"
	"headway/services/edge/internal/upload"
)

// limited is a handler with a limit. The test decides when its uploads end.
type limited struct {
	handler  http.Handler
	started  chan string
	finish   chan struct{}
	refusals chan error
}

func newLimited(perUser int, wait time.Duration) *limited {
	l := &limited{started: make(chan string), finish: make(chan struct{}), refusals: make(chan error, 10)}
	limit := upload.NewLimit(perUser, wait, func(_ http.ResponseWriter, _ *http.Request, err error) { l.refusals <- err })
	l.handler = limit.Bodies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, _ := auth.FromContext(r.Context())
		l.started <- id.Subject
		<-l.finish
	}))
	return l
}

// upload sends a request. The channel is closed when it has been answered.
func (l *limited) upload(ctx context.Context, user, body string) <-chan struct{} {
	answered := make(chan struct{})
	r := httptest.NewRequestWithContext(auth.NewContext(ctx, auth.Identity{Subject: user}), http.MethodPost, "/", strings.NewReader(body))
	go func() {
		defer close(answered)
		l.handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	return answered
}

func TestUploadsAboveLimitWaitForTheirTurn(t *testing.T) {
	l := newLimited(2, time.Hour)
	answers := []<-chan struct{}{l.upload(t.Context(), "ann", "x"), l.upload(t.Context(), "ann", "x"), l.upload(t.Context(), "ann", "x")}
	<-l.started
	<-l.started
	l.finish <- struct{}{}
	<-l.started
	close(l.finish)
	for _, answer := range answers {
		<-answer
	}
	if len(l.refusals) != 0 {
		t.Errorf("refused: %v", <-l.refusals)
	}
}

func TestUploadLimitIsPerUserAndForBodiesOnly(t *testing.T) {
	l := newLimited(1, time.Hour)
	first := l.upload(t.Context(), "ann", "x")
	<-l.started
	second := l.upload(t.Context(), "bob", "x")
	if user := <-l.started; user != "bob" {
		t.Errorf("%s started", user)
	}
	third := l.upload(t.Context(), "ann", "")
	<-l.started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	<-l.upload(ctx, "ann", "x") // the client has disconnected
	close(l.finish)
	<-first
	<-second
	<-third
}

func TestUploadThatWaitsTooLongIsRefused(t *testing.T) {
	l := newLimited(1, time.Millisecond)
	first := l.upload(t.Context(), "ann", "x")
	<-l.started
	<-l.upload(t.Context(), "ann", "x")
	if err := <-l.refusals; !strings.Contains(err.Error(), "already have 1 uploads") {
		t.Errorf("got %v", err)
	}
	l.finish <- struct{}{}
	<-first
	again := l.upload(t.Context(), "ann", "x")
	<-l.started
	l.finish <- struct{}{}
	<-again
}
