package sqlite

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

// BenchmarkStatusChanges measures the store itself: 64 workers create, claim, and complete jobs. An operation is one
// durable change of a job's status.
func BenchmarkStatusChanges(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "jobs.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	each := b.N/64/3 + 1
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			for range each {
				spec := job.Spec{Kind: "crawl", Owner: "alice"}
				j, _ := job.New(spec, time.Now())
				if _, _, err := s.Create(b.Context(), j, "", spec.Fingerprint()); err != nil {
					b.Error(err)
				}
				c, err := s.Claim(b.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: rand.Text})
				if err != nil {
					b.Error(err)
				}
				for _, j := range c.Jobs {
					s.Update(b.Context(), []string{j.ID}, func(_ int, stored *job.Job) error {
						return stored.Complete(time.Now(), j.Lease.Token, nil, nil)
					})
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(each*64*3)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkPlainTransactions is the baseline: each durable transaction changes one row, without other writers.
func BenchmarkPlainTransactions(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "jobs.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	spec := job.Spec{Kind: "crawl", Owner: "alice"}
	j, _ := job.New(spec, time.Now())
	if _, _, err := s.Create(b.Context(), j, "", nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.Update(b.Context(), []string{j.ID}, func(_ int, stored *job.Job) error { stored.Touch(time.Now()); return nil })
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkClaimNextToCappedBacklog measures a claim while an owner at the cap has 50,000 jobs in the queue.
func BenchmarkClaimNextToCappedBacklog(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "jobs.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 1000 {
				spec := job.Spec{Kind: "crawl", Owner: "alice"}
				j, _ := job.New(spec, time.Now())
				if _, _, err := s.Create(b.Context(), j, "", nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	claim := job.Claim{Kinds: []string{"crawl"}, Max: 10, MaxActive: 5, Now: time.Now, Duration: time.Hour, Token: rand.Text}
	for b.Loop() {
		if _, err := s.Claim(b.Context(), claim); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClaimOfManyOwners measures a claim and the end of its job, with one owner or 10,000 owners in the queue, one
// of them at the cap.
func BenchmarkClaimOfManyOwners(b *testing.B) {
	for _, owners := range []int{1, 10_000} {
		b.Run(fmt.Sprint(owners, " owners"), func(b *testing.B) {
			s, err := Open(b.Context(), filepath.Join(b.TempDir(), "jobs.db"), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var wg sync.WaitGroup
			for part := range 50 {
				wg.Go(func() {
					for i := range 1000 {
						spec := job.Spec{Kind: "crawl", Owner: fmt.Sprint("owner ", (part*1000+i)%owners)}
						j, _ := job.New(spec, time.Now())
						if _, _, err := s.Create(b.Context(), j, "", nil); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			claim := job.Claim{Kinds: []string{"crawl"}, Max: 1, MaxActive: 5, Now: time.Now, Duration: time.Hour, Token: rand.Text}
			for range 3 { // one owner, or some of the many, have more active jobs than the others
				if _, err := s.Claim(b.Context(), claim); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				got, err := s.Claim(b.Context(), claim)
				if err != nil || len(got.Jobs) != 1 {
					b.Fatal(got, err)
				}
				j := got.Jobs[0]
				_, errs := s.Update(b.Context(), []string{j.ID}, func(_ int, stored *job.Job) error {
					return stored.Release(time.Now(), j.Lease.Token, nil)
				})
				if errs[0] != nil {
					b.Fatal(errs[0])
				}
			}
		})
	}
}
