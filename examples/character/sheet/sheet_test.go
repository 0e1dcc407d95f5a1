package sheet_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"headway/examples/character/sheet"
)

var update = flag.Bool("update", false, "write testdata again")

// build builds a whole sheet and gives what it tells.
func build(t *testing.T, s *sheet.Sheet) (told string) {
	t.Helper()
	for i := range sheet.Steps {
		text, err := sheet.Steps[i].Build(t.Context(), s, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		told += text
	}
	return told
}

func encode(t *testing.T, s *sheet.Sheet) string {
	t.Helper()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A character that changes with a release of this worker could not be built on from an older one's checkpoint.
func TestSeed42StaysTheSame(t *testing.T) {
	s := sheet.New(42, "")
	got := build(t, s) + "\n" + encode(t, s) + "\n"
	const path = "testdata/42.txt"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("seed 42 gives\n%s\nwant\n%s", got, want)
	}
}

func TestEverySheetFollowsTheRules(t *testing.T) {
	id := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	display := regexp.MustCompile(`^[A-Z]{3}-[0-9A-F]{4}$`)
	ids, ancestries, callings := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for seed := range uint64(200) {
		s := sheet.New(seed, "")
		told := build(t, s)
		ancestries[s.Ancestry], callings[s.Calling], ids[s.CharacterID] = true, true, true
		sum := 0
		for _, score := range []int{s.Abilities.Strength, s.Abilities.Agility, s.Abilities.Endurance, s.Abilities.Reason, s.Abilities.Insight, s.Abilities.Presence} {
			sum += score
			if score < 3 || score > 20 {
				t.Errorf("seed %d: an ability of %d", seed, score)
			}
		}
		if sum < 68 || sum > 83 { // 80, and an ancestry's gifts of 3
			t.Errorf("seed %d: the abilities are %d together", seed, sum)
		}
		if !id.MatchString(s.CharacterID) || !display.MatchString(s.DisplayID) {
			t.Errorf("seed %d: the ids are %q and %q", seed, s.CharacterID, s.DisplayID)
		}
		if len(s.Name) < 4 || len(s.Name) > 9 || s.HitPoints < 1 || s.Defence < 8 || len(s.Skills) < 4 || len(s.Belongings) != 3 {
			t.Errorf("seed %d: %s", seed, encode(t, s))
		}
		if strings.Contains(told, "%!") || strings.Contains(told, "  and ") || !strings.HasSuffix(told, "\n") {
			t.Errorf("seed %d tells\n%s", seed, told)
		}
		if n := len(encode(t, s)); n > 4096 {
			t.Errorf("seed %d: the sheet's JSON has %d bytes", seed, n)
		}
	}
	if len(ids) != 200 || len(ancestries) < 6 || len(callings) < 6 {
		t.Errorf("200 seeds give %d ids, %d ancestries, %d callings", len(ids), len(ancestries), len(callings))
	}
}

func TestBonus(t *testing.T) {
	for score, want := range map[int]int{3: -4, 8: -1, 9: -1, 10: 0, 11: 0, 12: 1, 15: 2, 20: 5} {
		if got := sheet.Bonus(score); got != want {
			t.Errorf("Bonus(%d) = %d, want %d", score, got, want)
		}
	}
}

func TestSheetContinuesAfterAnyStep(t *testing.T) {
	for _, name := range []string{"", "Ada of Lenn"} {
		want := sheet.New(7, name)
		told := build(t, want)
		s, again := sheet.New(7, name), ""
		for i := range sheet.Steps {
			text, err := sheet.Steps[i].Build(t.Context(), s, func(int) {})
			if err != nil {
				t.Fatal(err)
			}
			again += text
			saved := encode(t, s)
			s = &sheet.Sheet{}
			if err := json.Unmarshal([]byte(saved), s); err != nil {
				t.Fatal(err)
			}
			s.Continue(name)
		}
		if again != told || encode(t, s) != encode(t, want) {
			t.Errorf("with a checkpoint after every step: %s", encode(t, s))
		}
		if name != "" && s.Name != name {
			t.Errorf("the name is %q, %q was given", s.Name, name)
		}
	}
}

func TestCancelledNameSearchEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("called off")
	cancel(why)
	s := sheet.New(1, "")
	for i := range sheet.Steps {
		p := &sheet.Steps[i]
		at := t.Context()
		if p.Name == "name" {
			at = ctx
		}
		if _, err := p.Build(at, s, func(int) {}); p.Name == "name" {
			if !errors.Is(err, why) {
				t.Errorf("got %v", err)
			}
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
