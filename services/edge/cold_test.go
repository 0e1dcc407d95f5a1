package edge_test

import (
	"fmt"
	"sync"
	"testing"
)

func TestReconnectStormIsServedFromOneUpstream(t *testing.T) {
	const jobs = 50
	b := setup(t, nil)
	b.jobs.holdWatches(true) // the edge doesn't know any job yet
	eventually(t, "the edge waits for an update", b.jobs.watchersBlocked)
	for i := range jobs {
		b.jobs.put(fmt.Sprint("j", i), "media", "ann", nil)
	}
	var crowd sync.WaitGroup
	for i := range jobs {
		request := b.request("GET", fmt.Sprint("/api/v1/sse/jobs/media/j", i), nil)
		crowd.Go(func() {
			resp, err := b.client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			s := readStream(t, resp)
			for _, kind := range []string{"connected", "initial_status"} {
				if e, err := s.read(); err != nil || e.kind() != kind {
					t.Errorf("got %s %v, want %s", e.raw, err, kind)
				}
			}
		})
	}
	b.jobs.holdWatches(false)
	crowd.Wait()
	b.jobs.mu.Lock()
	defer b.jobs.mu.Unlock()
	if asked := len(b.jobs.requests); asked > jobs/2 {
		t.Errorf("the edge asked for %d of %d jobs", asked, jobs)
	}
}
