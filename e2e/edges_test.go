package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"headway/internal/proctest"
)

// TestEdgesAreInterchangeable uses two edges in turn, without a proxy that could hide which one answers.
func TestEdgesAreInterchangeable(t *testing.T) {
	e := startEdges(t, "--streams-per-user=4")
	a, b := e.addresses[0], e.addresses[1]

	t.Run("a watch continues", func(t *testing.T) {
		id := e.newJob()
		path := "/api/v1/sse/jobs/media/" + id
		last := ""
		if _, err := e.stream(t.Context(), a, path, "", func(s sseEvent) bool { last = s.id; return !strings.Contains(s.data, "initial_status") }); err != nil || last == "" {
			t.Fatalf("%q %v", last, err)
		}
		e.cancelJob(id)
		var got []string
		if _, err := e.stream(t.Context(), b, path, last, func(s sseEvent) bool { last, got = s.id, append(got, s.data); return true }); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got[len(got)-1], `"status":"cancelled"`) {
			t.Errorf("the other edge sends %v", got)
		}
		for _, address := range e.addresses {
			if status, err := e.stream(t.Context(), address, path, last, func(sseEvent) bool { return true }); status != http.StatusNoContent || err != nil {
				t.Errorf("after the end: %d, %v", status, err)
			}
		}
	})

	t.Run("a session and its end", func(t *testing.T) {
		res, _ := e.must(http.StatusOK, http.MethodPost, a, "/api/v1/session", nil)
		cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
		e.must(http.StatusOK, http.MethodGet, b, "/api/v1/jobs", nil, "Authorization", "", "Cookie", cookie)
		e.must(http.StatusNoContent, http.MethodDelete, b, "/api/v1/session", nil, "Authorization", "", "Cookie", cookie, "Origin", "http://"+b)
		eventually(t, "the session has ended on the other edge", func() error {
			res, text, err := e.call(t.Context(), http.MethodGet, a, "/api/v1/jobs", nil, "Authorization", "", "Cookie", cookie)
			if err != nil || res.StatusCode != http.StatusUnauthorized {
				return fmt.Errorf("%v %v %s", err, res, text)
			}
			return nil
		})
	})

	t.Run("a ticket, once", func(t *testing.T) {
		id := e.newJob()
		_, text := e.must(http.StatusCreated, http.MethodPost, a, "/api/v1/sse/tickets", nil)
		_, ticket, _ := strings.Cut(text, `"ticket":"`)
		ticket, _, _ = strings.Cut(ticket, `"`)
		path := "/api/v1/sse/jobs/media/" + id + "?token=" + ticket
		var wins atomic.Int32
		var all sync.WaitGroup
		for i := range 10 { // at the same moment, on both
			all.Go(func() {
				_, err := e.stream(t.Context(), e.addresses[i%2], path, "", func(s sseEvent) bool {
					if strings.Contains(s.data, "initial_status") {
						wins.Add(1)
					}
					return false
				}, "Authorization", "")
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := wins.Load(); n > 1 {
			t.Errorf("the ticket opened %d streams", n)
		}
	})

	t.Run("streams per user", func(t *testing.T) {
		id := e.newJob()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var open, replaced atomic.Int32
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				_, err := e.stream(ctx, e.addresses[i%2], "/api/v1/sse/jobs/media/"+id, "", func(s sseEvent) bool {
					if strings.Contains(s.data, "initial_status") {
						open.Add(1)
					}
					if strings.Contains(s.data, "STREAM_LIMIT") {
						replaced.Add(1)
					}
					return true
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		eventually(t, "four of twelve streams are left", func() error {
			if o, r := open.Load(), replaced.Load(); r != 8 {
				return fmt.Errorf("%d were opened, and %d replaced", o, r)
			}
			return nil
		})
		cancel()
		all.Wait()
	})
}

// tusUpload is a client of tus that continues after every failure, as tus-js-client does.
type tusUpload struct {
	e    *edges
	file []byte
	// restarts counts offsets that were smaller than what an edge had acknowledged.
	path          string
	acknowledged  int
	lost, retries int
}

func (e *edges) newUpload(file []byte, address string) *tusUpload {
	e.t.Helper()
	metadata := "filename " + base64.StdEncoding.EncodeToString([]byte("sample.xlsx"))
	res, _ := e.must(http.StatusCreated, http.MethodPost, address, "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(file)), "Upload-Metadata", metadata)
	return &tusUpload{e: e, file: file, path: res.Header.Get("Location")}
}

// send sends the rest in chunks to the addresses in turn, and pauses between parts of each chunk. A failure is followed by HEAD.
func (u *tusUpload) send(ctx context.Context, chunk int, pause time.Duration, addresses ...string) error {
	offset := u.acknowledged
	for n := 0; offset < len(u.file); n++ {
		address := addresses[n%len(addresses)]
		end := min(offset+chunk, len(u.file))
		res, text, err := u.e.call(ctx, http.MethodPatch, address, u.path, &slowReader{data: u.file[offset:end], pause: pause},
			"Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.Itoa(offset))
		if err == nil && res.StatusCode == http.StatusNoContent {
			offset = end
			u.acknowledged = offset
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		u.retries++
		if u.retries > 1000 {
			return fmt.Errorf("the upload fails again and again: %v %v %s", err, res, text)
		}
		res, _, err = u.e.call(ctx, http.MethodHead, addresses[(n+1)%len(addresses)], u.path, nil, "Tus-Resumable", "1.0.0")
		if err != nil || res.StatusCode != http.StatusOK {
			time.Sleep(50 * time.Millisecond) // an edge that restarts; a client waits, too
			continue
		}
		stored, err := strconv.Atoi(res.Header.Get("Upload-Offset"))
		if err != nil {
			return err
		}
		if stored < u.acknowledged {
			u.lost++
		}
		offset = stored
	}
	return nil
}

// slowReader returns at most 64 KiB of a file at a time, after a pause.
type slowReader struct {
	data  []byte
	pause time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	time.Sleep(r.pause)
	n := copy(p[:min(len(p), 64<<10)], r.data)
	r.data = r.data[n:]
	return n, nil
}

// completed makes the import of an upload, and waits for it.
func (u *tusUpload) completed(address string) {
	u.e.t.Helper()
	_, text := u.e.must(http.StatusAccepted, http.MethodPost, address, "/api/v1/imports?upload_id="+filepath.Base(u.path), nil)
	_, id, _ := strings.Cut(text, `"importId":"`)
	id, _, _ = strings.Cut(id, `"`)
	u.e.job(u.e.ann, id, "completed", "waiting")
}

// TestUploadContinuesOnAnotherEdge alternates the parts between edges, and kills the one that receives a part.
func TestUploadContinuesOnAnotherEdge(t *testing.T) {
	e := startEdges(t)
	name, _ := e.sample(60_000, 0)
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	u := e.newUpload(file, e.addresses[0])
	first := file[:len(file)/2]
	half := &tusUpload{e: e, file: first, path: u.path}
	if err := half.send(t.Context(), 200_000, 0, e.addresses[0], e.addresses[1]); err != nil || half.retries > 0 {
		t.Fatalf("%v, after %d retries", err, half.retries)
	}
	u.acknowledged = half.acknowledged
	sent := make(chan error, 1)
	go func() { sent <- u.send(t.Context(), len(file), 20*time.Millisecond, e.addresses[0], e.addresses[1]) }() // one long part
	eventually(t, "the first edge has stored a part of it", func() error {
		res, _, err := e.call(t.Context(), http.MethodHead, e.addresses[1], u.path, nil, "Tus-Resumable", "1.0.0")
		if err != nil || res.Header.Get("Upload-Offset") == strconv.Itoa(half.acknowledged) {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
	_ = e.processes[0].Kill()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if u.retries == 0 || u.lost > 0 {
		t.Errorf("%d retries, and %d times acknowledged bytes were lost", u.retries, u.lost)
	}
	e.edge = e.addresses[1]
	u.completed(e.addresses[1])
}

// TestTusClientUploadsWhileEdgesRestart uploads with tus-js-client in three parallel parts through nginx, while one edge is killed and the
// other one restarts.
func TestTusClientUploadsWhileEdgesRestart(t *testing.T) {
	e := startEdges(t)
	name, _ := e.sample(60_000, 0)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("browser", "upload-clients", "tus-js-client.mjs"),
		"http://"+e.proxy+"/api/v1/uploads", name, e.ann)
	errors := new(proctest.Log)
	cmd.Stderr = errors
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	process := proctest.Start(t, cmd)
	address, reports := "", 0
	for lines := bufio.NewScanner(out); lines.Scan(); address = lines.Text() {
		switch reports++; reports {
		case 5:
			_ = e.processes[0].Kill() // the signal is the error
			e.run(0)
		case 15:
			e.restart(1)
		}
	}
	if err := process.Wait(); err != nil || reports < 20 {
		t.Fatalf("%v after %d reports\n%s", err, reports, errors)
	}
	(&tusUpload{e: e, path: address}).completed(e.proxy)
}

// TestRollingRestartOfEdgesFailsNoRequest restarts one edge after the other behind nginx, with watchers, requests, and uploads.
func TestRollingRestartOfEdgesFailsNoRequest(t *testing.T) {
	e := startEdges(t, "--streams-per-user=1000", "--requests-per-second=-1", "--uploads-per-user=-1")
	e.edge = e.proxy
	const watchers, uploads = 200, 4
	id := e.newJob()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var working sync.WaitGroup
	var ready, reconnects, ended, failed atomic.Int64

	for range watchers { // as an EventSource does
		working.Go(func() {
			last, known := "", false
			for ctx.Err() == nil {
				done := false
				status, err := e.stream(ctx, e.proxy, "/api/v1/sse/jobs/media/"+id, last, func(s sseEvent) bool {
					if s.id != "" {
						last = s.id
					}
					if !known && strings.Contains(s.data, `"status":"queued"`) {
						known = true
						ready.Add(1)
					}
					done = strings.Contains(s.data, `"status":"cancelled"`)
					return !done
				})
				switch {
				case done:
					ended.Add(1)
					return
				case err != nil || status != http.StatusOK:
					if ctx.Err() == nil {
						failed.Add(1)
						t.Errorf("a watcher got %d, %v", status, err)
					}
					return
				}
				reconnects.Add(1)
				time.Sleep(100 * time.Millisecond) // --retry
			}
		})
	}
	eventually(t, "all watch", func() error {
		if n := ready.Load(); n < watchers {
			return fmt.Errorf("%d", n)
		}
		return nil
	})

	name, _ := e.sample(3000, 0)
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	pause := 8 * time.Second / time.Duration(len(file)/(64<<10)+1) // an upload takes longer than both restarts
	sending := make(chan *tusUpload, uploads)
	for range uploads {
		u := e.newUpload(file, e.proxy)
		working.Go(func() {
			if err := u.send(ctx, len(file)/3+1, pause, e.proxy); err != nil {
				t.Error(err)
			}
			sending <- u
		})
	}

	stop := make(chan struct{})
	var requests atomic.Int64
	for i := range 4 {
		working.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				method, path, body, status := http.MethodGet, "/api/v1/jobs/"+id, io.Reader(nil), http.StatusOK
				if i == 0 {
					method, path, body = http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"kind":"other"}`)
				}
				res, text, err := e.call(ctx, method, e.proxy, path, body, "Content-Type", "application/json")
				requests.Add(1)
				if err != nil || res.StatusCode != status {
					failed.Add(1)
					t.Errorf("%s %s: %v %v %s", method, path, err, res, text)
				}
				time.Sleep(5 * time.Millisecond) // 800 requests per second at most
			}
		})
	}
	for i := range e.addresses {
		e.restart(i)
	}
	close(stop)
	e.cancelJob(id)
	for range uploads {
		u := <-sending
		if u.lost > 0 {
			t.Errorf("acknowledged bytes were lost %d times", u.lost)
		}
		u.completed(e.proxy)
	}
	working.Wait()
	if ended.Load() != watchers || failed.Load() > 0 {
		t.Errorf("%d of %d watchers got the end, and %d requests failed", ended.Load(), watchers, failed.Load())
	}
	t.Logf("%d requests, %d reconnects of %d watchers, %d failures", requests.Load(), reconnects.Load(), watchers, failed.Load())
}
