package storetest

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

// Tests of output, and of the segments to which its beginning moves.

func output(t *testing.T, s *suite) {
	id := s.add().ID
	token := s.claim(start, 1).Jobs[0].Lease.Token
	var want []byte
	for i := range 40 {
		piece := bytes.Repeat([]byte{byte(i), 0, 0xff}, 1+i*211)
		for range 2 { // repeating it is harmless
			n, err := s.AppendOutput(t.Context(), id, token, int64(len(want)), piece, 1<<20)
			if err != nil || n != int64(len(want)+len(piece)) {
				t.Fatalf("AppendOutput: %d, %v", n, err)
			}
		}
		want = append(want, piece...)
	}
	n, err := s.AppendOutput(t.Context(), id, token, 1000, append(slices.Clone(want[1000:]), "end"...), 1<<20) // overlaps
	if want = append(want, "end"...); err != nil || n != int64(len(want)) {
		t.Fatalf("an overlapping append: %d, %v", n, err)
	}
	equal(t, "output_bytes", s.get(id).OutputBytes, int64(len(want)))
	for _, from := range []int64{0, 1, 12345, n - 1, n} {
		var got []byte
		for {
			piece, err := s.ReadOutput(t.Context(), id, from+int64(len(got)), 5000)
			if err != nil {
				t.Fatal(err)
			}
			if len(piece.Data) == 0 {
				break
			}
			if len(piece.Data) > 5000 || piece.Segment != nil {
				t.Fatalf("a read gave %d bytes, segment %v", len(piece.Data), piece.Segment)
			}
			got = append(got, piece.Data...)
		}
		if !bytes.Equal(got, want[from:]) {
			t.Errorf("from byte %d: %d bytes that differ from the %d written", from, len(got), len(want[from:]))
		}
	}
}

func outputRefused(t *testing.T, s *suite) {
	id := s.add().ID
	token := s.claim(start, 1).Jobs[0].Lease.Token
	add := func(id, token string, offset int64, data string) error {
		_, err := s.AppendOutput(t.Context(), id, token, offset, []byte(data), 10)
		return err
	}
	if err := add(id, token, 0, "hello"); err != nil {
		t.Fatal(err)
	}
	gap := (*job.OutputGapError)(nil)
	if err := add(id, token, 6, "x"); !errors.As(err, &gap) || gap.End != 5 {
		t.Errorf("a gap gives %v", err)
	}
	if _, err := s.ReadOutput(t.Context(), id, 6, 1); !errors.As(err, &gap) || gap.End != 5 {
		t.Errorf("a read beyond the end gives %v", err)
	}
	wantError(t, add(id, token, 3, "LO"), job.ErrOutputConflict)
	full := (*job.OutputTooLargeError)(nil)
	if err := add(id, token, 5, "world!"); !errors.As(err, &full) || full.End != 5 || full.Limit != 10 {
		t.Errorf("more than the limit gives %v", err)
	}
	wantError(t, add(id, "other", 5, "x"), job.ErrLeaseLost)
	wantError(t, add("nobody", token, 0, "x"), job.ErrLeaseLost)
	equal(t, "output_bytes", s.get(id).OutputBytes, int64(5))
}

// written returns a job with this many bytes of output, appended in chunks, and the bytes.
func (s *suite) written(length, piece int) (leased job.Job, bytes []byte) {
	s.t.Helper()
	s.add()
	leased = s.claim(start, 1).Jobs[0]
	for len(bytes) < length {
		data := make([]byte, min(piece, length-len(bytes)))
		for i := range data {
			data[i] = byte((len(bytes) + i) * 7 / 3)
		}
		if _, err := s.AppendOutput(s.t.Context(), leased.ID, leased.Lease.Token, int64(len(bytes)), data, 1<<30); err != nil {
			s.t.Fatal(err)
		}
		bytes = append(bytes, data...)
	}
	return leased, bytes
}

// seal reserves the key and seals the segment.
func (s *suite) seal(id, key string, begins, length int64) error {
	s.t.Helper()
	if err := s.Reserve(s.t.Context(), key, start.Add(time.Hour)); err != nil {
		s.t.Fatal(err)
	}
	return s.Seal(s.t.Context(), id, job.Segment{Begins: begins, Length: length, Key: key})
}

func sealing(t *testing.T, s *suite) {
	j, want := s.written(100_000, 7000)
	// The second cut is within a stored chunk, and the third exactly between two.
	segments := []job.Segment{{Begins: 0, Length: 10_000, Key: "a"}, {Begins: 10_000, Length: 33_333, Key: "b"}, {Begins: 43_333, Length: 54_667, Key: "c"}}
	for _, segment := range segments {
		if err := s.seal(j.ID, segment.Key, segment.Begins, segment.Length); err != nil {
			t.Fatalf("seal %+v: %v", segment, err)
		}
	}
	tail, err := s.Tail(t.Context(), j.ID)
	if err != nil || tail != (job.Tail{Begins: 98_000, End: 100_000}) {
		t.Errorf("the tail is %+v, %v", tail, err)
	}
	equal(t, "output_bytes", s.get(j.ID).OutputBytes, int64(100_000))
	for _, offset := range []int64{0, 9_999, 10_000, 43_332, 43_333, 97_999} {
		found, err := s.ReadOutput(t.Context(), j.ID, offset, 10)
		if err != nil || found.Segment == nil || found.Data != nil {
			t.Fatalf("byte %d: %+v, %v; want a segment", offset, found, err)
		}
		if at := found.Segment; !slices.Contains(segments, *at) || offset < at.Begins || offset >= at.Begins+at.Length {
			t.Errorf("byte %d is said to lie in %+v", offset, *at)
		}
	}
	rest, err := s.ReadOutput(t.Context(), j.ID, 98_000, 5000)
	if err != nil || !bytes.Equal(rest.Data, want[98_000:]) {
		t.Errorf("the tail has %d bytes that differ, %v", len(rest.Data), err)
	}
	n, err := s.AppendOutput(t.Context(), j.ID, j.Lease.Token, 100_000, []byte("more"), 1<<30)
	if err != nil || n != 100_004 {
		t.Errorf("an append after sealing: %d, %v", n, err)
	}
	early := (*job.OutputSealedError)(nil)
	if _, err := s.AppendOutput(t.Context(), j.ID, j.Lease.Token, 97_999, want[97_999:], 1<<30); !errors.As(err, &early) || early.End != 98_000 {
		t.Errorf("an append that begins in a segment gives %v", err)
	}
	_, err = s.AppendOutput(t.Context(), j.ID, "another token", 0, nil, 1<<30)
	wantError(t, err, job.ErrLeaseLost) // the lease is checked first
	if err := s.seal(j.ID, "d", 98_000, 2004); err != nil {
		t.Errorf("sealing all of the tail: %v", err)
	}
	if n, err := s.AppendOutput(t.Context(), j.ID, j.Lease.Token, 100_004, []byte("x"), 1<<30); err != nil || n != 100_005 {
		t.Errorf("an append to an empty tail: %d, %v", n, err)
	}
	if grown := s.commits[len(s.commits)-1].Output; len(grown) != 1 || grown[0] != (job.OutputGrowth{ID: j.ID, Length: 100_005, Added: 1, Tail: 1}) {
		t.Errorf("the observer received %+v", grown)
	}
}

func sealRefused(t *testing.T, s *suite) {
	j, want := s.written(1000, 300)
	if err := s.seal(j.ID, "a", 0, 400); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		id     string
		begins int64
		length int64
		want   error
	}{
		{"the same bytes again", j.ID, 0, 400, job.ErrNotSealed},
		{"a gap", j.ID, 401, 100, job.ErrNotSealed},
		{"more than there is", j.ID, 400, 601, job.ErrNotSealed},
		{"nothing", j.ID, 400, 0, job.ErrNotSealed},
		{"no job", "nobody", 0, 10, job.ErrNotFound},
	} {
		if err := s.seal(c.id, c.what, c.begins, c.length); !errors.Is(err, c.want) {
			t.Errorf("sealing %s gives %v, want %v", c.what, err, c.want)
		}
	}
	// The reservation was swept in the meantime, so its blob no longer exists.
	if err := s.Reserve(t.Context(), "swept", start); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(t.Context(), []string{"swept"}); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Seal(t.Context(), j.ID, job.Segment{Begins: 400, Length: 100, Key: "swept"}), job.ErrNotSealed)
	// A sweep has begun, and might have deleted the blob already.
	if err := s.Reserve(t.Context(), "being swept", start); err != nil {
		t.Fatal(err)
	}
	if keys, err := s.Unreferenced(t.Context(), start, 10); err != nil || !slices.Contains(keys, "being swept") {
		t.Fatalf("the keys to sweep are %v, %v", keys, err)
	}
	wantError(t, s.Seal(t.Context(), j.ID, job.Segment{Begins: 400, Length: 100, Key: "being swept"}), job.ErrNotSealed)
	found, err := s.ReadOutput(t.Context(), j.ID, 400, 1000)
	if err != nil || !bytes.HasPrefix(want[400:], found.Data) || len(found.Data) == 0 {
		t.Errorf("after the refusals byte 400 gives %+v, %v", found, err)
	}
}

func unreferenced(t *testing.T, s *suite) {
	later := start.Add(2 * time.Hour)
	check := func(now time.Time, want ...string) {
		t.Helper()
		got, err := s.Unreferenced(t.Context(), now, 10)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("unreferenced at %v: %v, want %v", now, got, want)
		}
	}
	j, _ := s.written(1000, 300)
	if err := s.Reserve(t.Context(), "never sealed", start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	check(start) // it might still be being written
	check(later, "never sealed")
	for i, key := range []string{"a", "b"} {
		if err := s.seal(j.ID, key, int64(i*100), 100); err != nil {
			t.Fatal(err)
		}
	}
	check(later, "never sealed")
	s.finish(j, start)
	if err := s.Delete(t.Context(), j.ID, func(*job.Job) error { return nil }); err != nil {
		t.Fatal(err)
	}
	check(start, "a", "b", "never sealed") // it was returned before, so its blob might be gone, although the clock was set back
	if err := s.Forget(t.Context(), []string{"a", "never sealed"}); err != nil {
		t.Fatal(err)
	}
	check(later, "b")
	purged, _ := s.written(1000, 300)
	if err := s.seal(purged.ID, "c", 0, 100); err != nil {
		t.Fatal(err)
	}
	s.finish(purged, start)
	if n, err := s.Purge(t.Context(), start.Add(time.Second), 10); err != nil || n != 1 {
		t.Fatalf("Purge: %d, %v", n, err)
	}
	check(start, "b", "c")
	_, err := s.Tail(t.Context(), purged.ID)
	wantError(t, err, job.ErrNotFound)
}

func longTails(t *testing.T, s *suite) {
	s.written(60_000, 60_000)
	long, _ := s.written(200_000, 60_000)
	longer, _ := s.written(300_000, 60_000)
	check := func(atLeast int64, limit int, want ...string) {
		t.Helper()
		if got, err := s.LongTails(t.Context(), atLeast, limit); err != nil || !slices.Equal(got, want) {
			t.Errorf("tails of %d bytes: %v, %v; want %v", atLeast, got, err, want)
		}
	}
	check(100_000, 10, longer.ID, long.ID)
	check(100_000, 1, longer.ID)
	if err := s.seal(longer.ID, "a", 0, 150_000); err != nil {
		t.Fatal(err)
	}
	check(100_000, 10, long.ID, longer.ID)
	check(150_001, 10, long.ID)
}
