package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRollingRestartOfServicesFailsNoRequest restarts each of the six services of the compose file as an operator does, with watchers,
// requests, and imports.
func TestRollingRestartOfServicesFailsNoRequest(t *testing.T) {
	c, _ := newCluster(t)
	c.start()
	token := c.token("ann", "--key-file", c.replace.Replace("/run/secrets/key"), "--scope", "headway:read,headway:run,headway:import", "--kind", "*", "--schema", "*")
	e := &edges{server: c.server, proxy: c.edge, ann: token}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	file, _ := c.sample(500, 0)
	id := e.newJob()
	var working sync.WaitGroup
	var ended, requests, imports atomic.Int64
	const watchers = 20
	for range watchers {
		working.Go(func() {
			last := ""
			for ctx.Err() == nil {
				done := false
				status, err := e.stream(ctx, e.proxy, "/api/v1/sse/jobs/media/"+id, last, func(s sseEvent) bool {
					if s.id != "" {
						last = s.id
					}
					done = strings.Contains(s.data, `"status":"cancelled"`)
					return !done
				})
				switch {
				case done:
					ended.Add(1)
					return
				case ctx.Err() == nil && (err != nil || status != http.StatusOK):
					t.Errorf("a watcher got %d, %v", status, err)
					return
				}
			}
		})
	}
	stop := make(chan struct{})
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	for i := range 3 {
		working.Go(func() {
			for !stopped() {
				method, path, body := http.MethodGet, "/api/v1/jobs/"+id, io.Reader(nil)
				if i == 0 {
					method, path, body = http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"kind":"other"}`)
				}
				res, text, err := e.call(ctx, method, e.proxy, path, body, "Content-Type", "application/json")
				if requests.Add(1); err != nil || res.StatusCode != http.StatusOK {
					t.Errorf("%s %s: %v %v %s", method, path, err, res, text)
				}
				time.Sleep(120 * time.Millisecond) // a user has 50 requests per second
			}
		})
	}
	working.Go(func() { // imports, one after the other, so that each restart interrupts one
		workbook, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			return
		}
		for !stopped() {
			res, text, err := e.call(ctx, http.MethodPost, e.proxy, "/api/v1/imports?request_id=import-"+strconv.FormatInt(imports.Add(1), 10), bytes.NewReader(workbook))
			if err != nil || res.StatusCode != http.StatusAccepted {
				t.Errorf("upload: %v %v %s", err, res, text)
				return
			}
			_, importID, _ := strings.Cut(text, `"importId":"`)
			importID, _, _ = strings.Cut(importID, `"`)
			for status := ""; status != "completed"; time.Sleep(200 * time.Millisecond) {
				_, text, err := e.call(ctx, http.MethodGet, e.proxy, "/api/v1/jobs/"+importID, nil)
				_, status, _ = strings.Cut(text, `"status":"`)
				if status, _, _ = strings.Cut(status, `"`); err != nil || status == "failed" {
					t.Errorf("an import: %v %s", err, text)
					return
				}
			}
		}
	})
	for _, name := range []string{"jobs1", "jobs2", "importer1", "importer2", "edge1", "edge2"} {
		process := c.processes[name]
		if err := process.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := process.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.launchService(name)
		c.processes[name].AwaitReady("http://" + c.metrics[name] + "/readyz")
	}
	close(stop)
	e.cancelJob(id)
	working.Wait()
	if ended.Load() != watchers || imports.Load() == 0 {
		t.Errorf("%d of %d watchers got the end", ended.Load(), watchers)
	}
	t.Logf("%d requests, %d imports", requests.Load(), imports.Load())
}
