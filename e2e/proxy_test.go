package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func throughEveryProxy(t *testing.T, test func(*testing.T, *proxy)) {
	t.Parallel()
	t.Run("nginx", func(t *testing.T) { test(t, startNginx(t)) })
	t.Run("Caddy", func(t *testing.T) { test(t, startCaddy(t)) })
}

func TestProxiesForwardEventsImmediately(t *testing.T) {
	throughEveryProxy(t, func(t *testing.T, p *proxy) {
		events, hangUp := p.follow("/api/v1/sse/jobs/my", "")
		defer hangUp()
		await(t, "the beginning", events, func(l line) bool { return strings.Contains(l.data, `"connected"`) })
		job := p.newJob()
		await(t, "the job", events, func(l line) bool { return strings.Contains(l.data, job) })
		for range 2 {
			await(t, "a keepalive", events, func(l line) bool { return l.comment })
		}
		// Events that the proxy buffered would arrive together.
		probe, done := p.follow("/api/v1/sse/probe", "")
		defer done()
		await(t, "the probe", probe, func(l line) bool { return strings.Contains(l.data, `"probe"`) })
	})
}

func TestProxyReloadResumesStreamWithoutLoss(t *testing.T) {
	throughEveryProxy(t, func(t *testing.T, p *proxy) {
		job := p.newJob()
		path := "/api/v1/sse/jobs/media/" + job
		events, hangUp := p.follow(path, "")
		defer hangUp()
		last := await(t, "the state", events, func(l line) bool { return strings.Contains(l.data, `"initial_status"`) })
		if err := p.reload(); err != nil {
			t.Fatal(err)
		}
		for range events { // until the old worker ends
		}
		if status, answer := p.rest(p.ann, "POST", "/api/v1/jobs/"+job+":cancel", map[string]any{}); status != http.StatusOK {
			t.Fatalf("%d %v", status, answer)
		}
		events, hangUp = p.follow(path, last.id)
		defer hangUp()
		end := await(t, "the end", events, func(l line) bool { return strings.Contains(l.data, `"status":"cancelled"`) })
		for range events { // until the server ends it
		}
		if res := p.do("GET", path, nil, "Last-Event-ID", end.id); res.StatusCode != http.StatusNoContent {
			t.Errorf("after the final event: %s", res.Status)
		}
	})
}

func TestProxiesForwardUploadsImmediately(t *testing.T) {
	throughEveryProxy(t, func(t *testing.T, p *proxy) {
		sample, _ := p.sample(5000, 0)
		workbook, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		body, writer := io.Pipe()
		answered := make(chan *http.Response, 1)
		go func() {
			defer close(answered)
			res, err := p.client.Do(p.request("POST", "/api/v1/imports?on_issues=abort", body, "Content-Type", "application/octet-stream"))
			if err != nil {
				t.Error(err)
				return
			}
			answered <- res
		}()
		half := len(workbook) / 2
		if _, err := writer.Write(workbook[:half]); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the importer has the first half", func() error {
			if files, err := p.files("blobs"); err != nil || len(files) == 0 {
				return errors.Join(errors.New("the importer has nothing"), err)
			}
			return nil
		})
		if _, err := writer.Write(workbook[half:]); err != nil {
			t.Fatal(err)
		}
		writer.Close()
		res, ok := <-answered
		if !ok {
			t.FailNow()
		}
		defer res.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusAccepted {
			t.Fatalf("%s %v %v", res.Status, answer, err)
		}
		p.job(p.ann, field(t, answer, "import", "importId").(string), "completed")
	})
}

func TestBrokenUploadResumesThroughProxy(t *testing.T) {
	throughEveryProxy(t, func(t *testing.T, p *proxy) {
		sample, _ := p.sample(20_000, 0)
		workbook, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		tus := func(method, path string, body io.Reader, headers ...string) *http.Response {
			return p.do(method, path, body, append(headers, "Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream")...)
		}
		created := tus("POST", "/api/v1/uploads", nil, "Upload-Length", fmt.Sprint(len(workbook)))
		path := created.Header.Get("Location")
		if created.StatusCode != http.StatusCreated || !strings.HasPrefix(path, "/api/v1/uploads/") {
			t.Fatalf("%s %v", created.Status, created.Header)
		}
		// The first part is cut in the middle of the file.
		ctx, cut := context.WithCancel(t.Context())
		body, writer := io.Pipe()
		req := p.request("PATCH", path, body, "Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream", "Upload-Offset", "0").WithContext(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if res, err := p.client.Do(req); err == nil {
				res.Body.Close()
				t.Errorf("an incomplete part got a response: %s", res.Status)
			}
		}()
		if _, err := writer.Write(workbook[:len(workbook)*2/3]); err != nil {
			t.Fatal(err)
		}
		kept := filepath.Join(p.data, "uploads", filepath.Base(path)+".part")
		eventually(t, "the data arrives while the part is being sent", func() error {
			if info, err := os.Stat(kept); err != nil || info.Size() == 0 {
				return errors.Join(errors.New("nothing has arrived"), err)
			}
			return nil
		})
		cut()
		<-ended
		head := tus("HEAD", path, nil)
		offset, err := strconv.Atoi(head.Header.Get("Upload-Offset"))
		if err != nil || offset == 0 {
			t.Fatalf("%s %v", head.Status, head.Header)
		}
		if res := tus("PATCH", path, bytes.NewReader(workbook[offset:]), "Upload-Offset", fmt.Sprint(offset)); res.StatusCode != http.StatusNoContent {
			t.Fatalf("the rest: %s", res.Status)
		}
		res := p.do("POST", "/api/v1/imports?upload_id="+filepath.Base(path), nil)
		var answer map[string]any
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusAccepted {
			t.Fatalf("%s %v %v", res.Status, answer, err)
		}
		p.job(p.ann, field(t, answer, "import", "importId").(string), "completed")
	})
}

func TestProxySessionsAreSafeAndNeverLocal(t *testing.T) {
	throughEveryProxy(t, func(t *testing.T, p *proxy) {
		res := p.do("POST", "/api/v1/session", nil, "Origin", p.url)
		if cookies := res.Cookies(); res.StatusCode != http.StatusOK || len(cookies) != 1 || !cookies[0].Secure {
			t.Fatalf("%s %v", res.Status, res.Cookies())
		}
		cookie := res.Cookies()[0].Name + "=" + res.Cookies()[0].Value
		job := p.newJob()
		for origin, want := range map[string]int{p.url: http.StatusOK, "https://evil.example": http.StatusForbidden} {
			req := p.request("POST", "/api/v1/jobs/"+job+":cancel", nil, "Origin", origin, "Cookie", cookie)
			req.Header.Del("Authorization")
			res, err := p.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("from an origin %s: %s", origin, res.Status)
			}
		}
		req := p.request("POST", "/api/v1/session", nil, "Origin", p.url)
		req.Header.Del("Authorization")
		res, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden || len(res.Cookies()) != 0 {
			t.Errorf("local sign-in through the proxy: %s", res.Status)
		}
	})
}
