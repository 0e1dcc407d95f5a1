package quota_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/quota"
)

func TestUserAtTheLimitWaitsForAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live, counted, refused := map[string]int{}, 0, 0
		q := quota.New(quota.Config{Max: 3, Refused: func() { refused++ }, Count: func(_ context.Context, owner string) (int, error) {
			counted++
			return live[owner], nil
		}})
		add := func(owner string) error {
			err := q.Add(t.Context(), owner)
			if err == nil {
				live[owner]++
			}
			return err
		}
		for range 3 {
			if err := add("ann"); err != nil {
				t.Fatal(err)
			}
		}
		if counted != 1 {
			t.Errorf("counted %d times", counted)
		}
		var over *job.QuotaError
		if err := add("ann"); !errors.As(err, &over) || over.Limit != 3 || refused != 1 {
			t.Errorf("a fourth job: %v, %d refused", err, refused)
		}
		if err := add("bob"); err != nil {
			t.Errorf("another user: %v", err)
		}
		live["ann"]--
		if err := add("ann"); err != nil {
			t.Errorf("after an end: %v", err)
		}
		live["ann"] = 0
		time.Sleep(time.Minute)
		if err := add("ann"); err != nil || counted != 5 {
			t.Errorf("later: %v, counted %d times", err, counted)
		}
	})
}
