package outputlog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"headway/services/jobs/internal/job"
)

func TestLongOutputsMoveToBlobsExceptTheirEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		small, long := f.lease(), f.lease()
		const smallBytes, longBytes = segmentBytes, 20*segmentBytes + 12345
		if err := errors.Join(f.fill(&small, 0, smallBytes, 1000), f.fill(&long, 0, longBytes, 10_000)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if tail := f.tail(small.ID); tail.Length() != smallBytes {
			t.Errorf("of the small output the database keeps %d bytes, want all %d", tail.Length(), smallBytes)
		}
		if tail := f.tail(long.ID); tail.Length() >= segmentBytes+keep || tail.Length() < keep {
			t.Errorf("of the long output the database keeps %d bytes, want %d to %d", tail.Length(), keep, segmentBytes+keep)
		}
		if n := len(f.blobs()); n < 10 {
			t.Errorf("there are %d blobs", n)
		}
		f.holds(small.ID, smallBytes)
		f.holds(long.ID, longBytes)
		if err := f.fill(&long, longBytes, longBytes+100, 100); err != nil { // a later attempt continues at the end
			t.Fatal(err)
		}
		f.holds(long.ID, longBytes+100)
	})
}

func TestReadersFollowOutputWhileItIsSealed(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		j := f.lease()
		const length = 24 * segmentBytes
		if err := f.fill(&j, 0, 3000, 3000); err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		for _, from := range []int{0, 3000, 777} {
			readers.Go(func() {
				r := f.Read(t.Context(), j.ID, int64(from), NoLimit)
				defer r.Close()
				for at := from; at < length; {
					data, err := r.Next()
					if err != nil {
						t.Errorf("byte %d: %v", at, err)
						return
					}
					if len(data) > maxRead || !bytes.Equal(data, text(at, len(data))) {
						t.Errorf("%d bytes at %d differ from what was appended", len(data), at)
						return
					}
					if at += len(data); len(data) == 0 {
						time.Sleep(time.Millisecond) // like a reader of the service that waits for more output
					}
				}
			})
		}
		for at := 3000; at < length; at += 7000 {
			if err := f.fill(&j, at, min(at+7000, length), 7000); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		readers.Wait()
	})
}

func TestRepeatedAppendsAreHarmlessInSegments(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		j := f.lease()
		const length = 10 * segmentBytes
		if err := f.fill(&j, 0, length, 50_000); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		sealed := f.tail(j.ID).Begins
		for _, c := range []struct{ from, to int }{{0, 100}, {10, 200_000}, {int(sealed) - 10, int(sealed) + 10}, {int(sealed) - 50_000, length}} {
			n, err := f.Append(t.Context(), j.ID, j.Lease.Token, int64(c.from), text(c.from, c.to-c.from))
			if err != nil || n != length {
				t.Errorf("appending %d to %d again: %d, %v", c.from, c.to, n, err)
			}
		}
		n, err := f.Append(t.Context(), j.ID, j.Lease.Token, sealed-10, text(int(sealed)-10, length-int(sealed)+15))
		if err != nil || n != length+5 {
			t.Errorf("an append that begins in a segment and continues after it: %d, %v", n, err)
		}
		other := text(0, 100)
		other[99]++
		if _, err := f.Append(t.Context(), j.ID, j.Lease.Token, 0, other); !errors.Is(err, job.ErrOutputConflict) {
			t.Errorf("other bytes in a segment give %v", err)
		}
		if _, err := f.Append(t.Context(), j.ID, "an old token", 0, text(0, 100)); !errors.Is(err, job.ErrLeaseLost) {
			t.Errorf("a stale token gives %v", err)
		}
		f.holds(j.ID, length+5)
	})
}

func TestCrashWhileSealingLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(*failing)
	}{
		{"before the blob is named", func(f *failing) { f.reserve = func(func() error) error { return errDead } }},
		{"before the blob is written", func(f *failing) { f.reserve = func(do func() error) error { return errors.Join(do(), errDead) } }},
		{"between the blob and its row", func(f *failing) { f.seal = func(func() error) error { return errDead } }},
		{"before the commit is answered", func(f *failing) { f.seal = func(do func() error) error { return errors.Join(do(), errDead) } }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.stop()
				fault := &failing{}
				c.fault(fault)
				f.start(fault)
				j := f.lease()
				const length = 6 * segmentBytes
				if err := f.fill(&j, 0, length, 30_000); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second) // it tries repeatedly, and dies each time
				f.stop()
				f.start(nil) // it finds unsealed outputs by itself
				synctest.Wait()
				f.holds(j.ID, length)
				if tail := f.tail(j.ID); tail.Length() >= segmentBytes+keep {
					t.Errorf("the database still keeps %d bytes", tail.Length())
				}
				time.Sleep(2 * reservedFor)
				synctest.Wait()
				f.holds(j.ID, length)
				f.exactly(j.ID)
			})
		})
	}
}

// exactly checks that the bucket has the blobs of the job's segments, and no others.
func (f *fixture) exactly(id string) {
	f.t.Helper()
	var want []string
	for offset, end := int64(0), f.tail(id).Begins; offset < end; {
		found, err := f.store.ReadOutput(f.t.Context(), id, offset, 1)
		if err != nil || found.Segment == nil || found.Segment.Begins != offset {
			f.t.Fatalf("at byte %d there is %+v, %v", offset, found, err)
		}
		want = append(want, found.Segment.Key)
		offset += found.Segment.Length
	}
	if got := f.blobs(); !slices.Equal(got, want) || len(got) == 0 {
		f.t.Errorf("the blobs are\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBlobsOfDeletedJobAreRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		gone, old, kept := f.lease(), f.lease(), f.lease()
		for _, j := range []*job.Job{&gone, &old, &kept} {
			if err := f.fill(j, 0, 8*segmentBytes, 50_000); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		begun := time.Now()
		for i, j := range []*job.Job{&gone, &old} {
			_, errs := f.store.Update(t.Context(), []string{j.ID}, func(_ int, stored *job.Job) error {
				return stored.Complete(begun.Add(-time.Duration(i)*time.Hour), j.Lease.Token, nil, nil)
			})
			if errs[0] != nil {
				t.Fatal(errs[0])
			}
		}
		if n, err := f.store.Purge(t.Context(), begun.Add(-time.Minute), 10); err != nil || n != 1 {
			t.Fatalf("purged %d, %v", n, err)
		}
		if err := f.store.Delete(t.Context(), gone.ID, func(*job.Job) error { return nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.exactly(kept.ID)
		if _, err := f.Read(t.Context(), gone.ID, 0, NoLimit).Next(); !errors.Is(err, job.ErrNotFound) {
			t.Errorf("reading the deleted job's output returned %v", err)
		}
	})
}

func TestAppendsWaitForBlobStoreOnlyAtTheLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		away := f.folder + " away"
		if err := errors.Join(os.Rename(f.folder, away), os.WriteFile(f.folder, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		j := f.lease()
		err := f.fill(&j, 0, 100*segmentBytes, 20_000)
		if !errors.Is(err, job.ErrOutputBehind) {
			t.Fatalf("appending without a blob store returned %v", err)
		}
		full := f.tail(j.ID).End
		if most := int64(maxUnsealed*segmentBytes + keep + 20_000); full < maxUnsealed*segmentBytes || full > most {
			t.Errorf("the database took %d bytes, want %d to %d", full, maxUnsealed*segmentBytes, most)
		}
		if err := errors.Join(os.Remove(f.folder), os.Rename(away, f.folder)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(maxWait)
		synctest.Wait()
		if err := f.fill(&j, int(full), 12*segmentBytes, 20_000); err != nil {
			t.Errorf("appending after the blob store was restored: %v", err)
		}
		f.holds(j.ID, 12*segmentBytes)
	})
}

func TestDamagedBlobIsAnError(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		j := f.lease()
		if err := f.fill(&j, 0, 8*segmentBytes, 50_000); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		path := filepath.Join(f.folder, f.blobs()[0])
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
		if data, err := f.Read(t.Context(), j.ID, 0, NoLimit).Next(); err == nil || errors.Is(err, job.ErrNotFound) {
			t.Errorf("a truncated blob returned %d bytes, %v", len(data), err)
		}
	})
}
