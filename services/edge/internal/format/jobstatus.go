package format

import "headway/services/edge/internal/hub"

// JobStatus is the format of streams of job status: connected, initial_status, and then job_update. Its events are those of
// Headway, but if the job ended before the stream began, the stream also has a job_update, because clients expect the
// end there.
var JobStatus Format = jobStatus{}

type jobStatus struct{ headwayFormat }

// Initial implements Format.
func (f jobStatus) Initial(s *hub.Snapshot) ([][]byte, error) {
	events, err := f.headwayFormat.Initial(s)
	if err != nil || !s.Terminal {
		return events, err
	}
	end, err := f.Update(s)
	return append(events, end), err
}
