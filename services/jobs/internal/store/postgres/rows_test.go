package postgres

import (
	"crypto/rand"
	"math"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

func TestDamagedJobDoesNotStopOthers(t *testing.T) {
	url := database(t)
	s, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ids []string
	for range 3 {
		ids = append(ids, add(t, s).ID)
	}
	change := func(infinite string) []error {
		_, errs := s.Update(t.Context(), ids, func(_ int, j *job.Job) error {
			if j.Progress.Message = "changed"; j.ID == infinite {
				j.Progress.Rate = math.Inf(1)
			}
			return nil
		})
		return errs
	}
	if errs := change(ids[1]); errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("with one job that cannot be encoded: %v", errs)
	}
	if _, err := s.reads.Exec(t.Context(), `UPDATE jobs SET progress = '{' WHERE id = $1`, ids[0]); err != nil {
		t.Fatal(err)
	}
	if errs := change(""); errs[0] == nil || errs[1] != nil || errs[2] != nil {
		t.Errorf("with one job that cannot be decoded: %v", errs)
	}
	claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 3, Now: time.Now, Duration: time.Minute, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 2 {
		t.Errorf("claimed %d jobs, %v; want the other two", len(claimed.Jobs), err)
	}
}
