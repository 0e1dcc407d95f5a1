package tustest

import (
	"errors"
	"testing"

	"headway/services/edge/internal/tus"
)

func createPart(t *testing.T, s tus.Store, text string, length int64) string {
	t.Helper()
	info, err := s.Create(t.Context(), "ann", tus.Draft{Length: length, Partial: true})
	if err != nil || !info.Partial {
		t.Fatalf("create a part: %+v %v", info, err)
	}
	appendText(t, s, info.ID, 0, text)
	return info.ID
}

func joinsParts(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir, tus.Limits{})
	parts := []string{createPart(t, s, "abc", 3), createPart(t, s, "de", 2), createPart(t, s, "f", 1)}
	var ids []string
	for range 2 { // the second time, like a client whose response was lost
		info, err := s.Create(t.Context(), "ann", tus.Draft{Parts: parts, Metadata: "filename YS54bHN4"})
		if err != nil {
			t.Fatal(err)
		}
		if info.Length != 6 || !info.Complete() || len(info.Parts) != 3 {
			t.Errorf("joined: %+v", info)
		}
		ids = append(ids, info.ID)
	}
	if ids[0] != ids[1] {
		t.Error("the same parts are two uploads")
	}
	for _, s := range []tus.Store{s, open(t, dir, tus.Limits{})} {
		if got := read(t, s, ids[0]); got != "abcdef" {
			t.Errorf("read %q", got)
		}
	}
	s = open(t, dir, tus.Limits{})
	u := lock(t, s, ids[0])
	if err := u.Decide([]byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	u.Unlock()
	for _, s := range []tus.Store{s, open(t, dir, tus.Limits{})} {
		if got := find(t, s, ids[0]); string(got.Response) != `{}` || !got.Complete() {
			t.Errorf("decided: %+v", got)
		}
		if _, err := s.Find("ann", parts[0]); !errors.Is(err, tus.ErrNotFound) {
			t.Errorf("a part after the import: %v", err)
		}
	}
}

func refusesToJoin(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	part, half, whole := createPart(t, s, "abc", 3), createPart(t, s, "d", 2), create(t, s, 0).ID
	used := createPart(t, s, "x", 1)
	if _, err := s.Create(t.Context(), "ann", tus.Draft{Parts: []string{used}}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		owner string
		parts []string
		want  error
	}{
		"incomplete":         {"ann", []string{part, half}, tus.ErrIncomplete},
		"not a partial one":  {"ann", []string{part, whole}, tus.ErrNotPartial},
		"the same one twice": {"ann", []string{part, part}, tus.ErrNotPartial},
		"already joined":     {"ann", []string{part, used}, tus.ErrNotPartial},
		"another user's":     {"bob", []string{part}, tus.ErrNotFound},
		"unknown":            {"ann", []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, tus.ErrNotFound},
	} {
		if _, err := s.Create(t.Context(), test.owner, tus.Draft{Parts: test.parts}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	find(t, s, part)
}
