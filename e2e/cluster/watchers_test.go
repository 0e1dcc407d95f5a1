package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// watch starts watchers. Each watches one job or import after the other, from its beginning to its end.
func (l *load) watch(watchers int) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i := range watchers {
		l.watches.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			for !l.over.Load() {
				if w, ok := l.pick(i%tenants, random); ok {
					l.watchOne(client, i%tenants, w)
				}
				time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
			}
		})
	}
}

// watchOne watches until the end, over as many streams as necessary.
func (l *load) watchOne(client *http.Client, tenant int, w watchable) {
	cursor := ""
	var revision uint32
	for began := time.Now(); ; time.Sleep(300 * time.Millisecond) {
		status, err := l.stream(client, tenant, w, &cursor, &revision)
		if status != "" {
			l.history.add(event{What: ended, Owner: owner(tenant), ID: w.id, Status: status})
			return
		}
		if time.Since(began) > 4*time.Minute {
			l.history.add(event{What: violated, Text: fmt.Sprintf("a watcher of %s sees no end: %v", w.id, err)})
			return
		}
	}
}

// stream reads one stream, and returns the status of the end, if it has come.
func (l *load) stream(client *http.Client, tenant int, w watchable, cursor *string, revision *uint32) (status string, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	silent := time.AfterFunc(silence, cancel)
	defer silent.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.c.url+"/api/v1/sse/jobs/"+w.kind+"/"+w.id, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+l.tokens[tenant])
	if *cursor != "" {
		req.Header.Set("Last-Event-ID", *cursor)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
		l.history.add(event{What: violated, Text: fmt.Sprintf("the stream of %s is refused with %s", w.id, resp.Status)})
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		silent.Reset(silence)
		line := lines.Text()
		if id, is := strings.CutPrefix(line, "id:"); is {
			*cursor = strings.TrimSpace(id)
		}
		data, is := strings.CutPrefix(line, "data:")
		if !is {
			continue
		}
		var m struct {
			Type, JobID, Status string
			Revision            uint32
			Timestamp           time.Time
		}
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			return "", err
		}
		if m.Type != "initial_status" && m.Type != "job_update" {
			continue
		}
		l.private(tenant, data)
		switch {
		case m.JobID != w.id || m.Revision < *revision:
			l.history.add(event{What: violated, Text: fmt.Sprintf("a watcher of %s at revision %d received %s at %d", w.id, *revision, m.JobID, m.Revision)})
		case m.Type == "job_update":
			l.history.arrived(time.Since(m.Timestamp))
		}
		*revision = m.Revision
		if (jobState{Status: m.Status}).ended() {
			return m.Status, nil
		}
	}
	return "", lines.Err()
}
