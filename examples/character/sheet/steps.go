package sheet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Steps are the steps that build a sheet, in order.
var Steps = []Step{
	{Name: "ancestry", Title: "Ancestry", Weight: 1, decide: decideAncestry, tell: tellAncestry},
	{Name: "abilities", Title: "Abilities", Weight: 1, Units: 6, Unit: "abilities", decide: decideAbilities, tell: tellAbilities},
	{Name: "background", Title: "Background", Weight: 1, decide: decideBackground, tell: tellBackground},
	{Name: "calling", Title: "Calling", Weight: 1, decide: decideCalling, tell: tellCalling},
	{Name: "skills", Title: "Skills", Weight: 1, decide: decideSkills, tell: tellSkills},
	{Name: "name", Title: "Name", Weight: 1, Units: nameTries, Unit: "names tried", decide: decideName, tell: tellName},
	{Name: "portrait", Title: "Portrait", Weight: 1, decide: decidePortrait, tell: tellPortrait},
	{Name: "story", Title: "Story", Weight: 12, tell: tellStory},
}

func decideAncestry(_ context.Context, s *Sheet, d *dice, _ func(int)) error {
	a := one(d, ancestries)
	s.Ancestry = a.name
	s.Age = a.grown + d.IntN(a.grown*2)
	s.Languages = append([]string{"Common"}, a.languages...)
	s.Traits = some(d, a.traits, 2)
	return nil
}

func tellAncestry(s *Sheet, _ *dice) string {
	return fmt.Sprintf("ANCESTRY\n%s, %d years old. Speaks %s. %s.\n\n", s.Ancestry, s.Age, list(s.Languages), strings.Join(s.Traits, ". "))
}

// The limits of the sum of all six abilities, before the ancestry's gifts. Other throws are repeated.
const (
	leastSum = 68
	mostSum  = 80
)

// decideAbilities throws four dice for each ability, and drops the lowest.
func decideAbilities(ctx context.Context, s *Sheet, d *dice, done func(int)) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		sum := 0
		for i, score := range s.Abilities.all() {
			var thrown [4]int
			for j := range thrown {
				thrown[j] = d.throw(1, 6)
			}
			slices.Sort(thrown[:])
			*score = thrown[1] + thrown[2] + thrown[3]
			sum += *score
			done(i + 1)
		}
		if sum >= leastSum && sum <= mostSum {
			break
		}
	}
	for ability, gift := range ancestryOf(s).gifts {
		score := s.Abilities.all()[ability]
		*score = min(*score+gift, 20)
	}
	return nil
}

func tellAbilities(s *Sheet, _ *dice) string {
	var b strings.Builder
	b.WriteString("ABILITIES\n")
	for i, score := range s.Abilities.all() {
		fmt.Fprintf(&b, "%-10s %2d  %+d  %s\n", abilityNames[i], *score, Bonus(*score), strings.Repeat("▪", *score))
	}
	return b.String() + "\n"
}

func decideBackground(_ context.Context, s *Sheet, d *dice, _ func(int)) error {
	b := one(d, backgrounds)
	s.Background, s.Wish = b.name, one(d, b.wishes)
	s.Belongings = []string{b.keeps}
	return nil
}

func tellBackground(s *Sheet, _ *dice) string {
	return fmt.Sprintf("BACKGROUND\n%s. Still keeps %s, and wishes to %s.\n\n", capital(s.Background), s.Belongings[0], s.Wish)
}

// decideCalling chooses the calling that the abilities suit best. Dice decide between equal ones.
func decideCalling(_ context.Context, s *Sheet, d *dice, _ func(int)) error {
	scores := s.Abilities.all()
	var best []calling
	most := 0
	for _, c := range callings {
		fit := 2**scores[c.first] + *scores[c.second]
		if fit > most {
			best, most = nil, fit
		}
		if fit == most {
			best = append(best, c)
		}
	}
	c := one(d, best)
	s.Calling = c.name
	s.HitPoints = max(1, c.hitDie+Bonus(s.Abilities.Endurance))
	s.Defence = c.armor + min(Bonus(s.Abilities.Agility), c.mostAgility)
	s.Belongings = append(s.Belongings[:1:1], c.gear...)
	return nil
}

func tellCalling(s *Sheet, _ *dice) string {
	return fmt.Sprintf("CALLING\n%s. %d hit points, defence %d. Carries %s.\n\n", capital(s.Calling), s.HitPoints, s.Defence, list(s.Belongings[1:]))
}

// trained is the bonus of training to a skill.
const trained = 2

// decideSkills takes the skills of the background, and three more of the calling.
func decideSkills(_ context.Context, s *Sheet, d *dice, _ func(int)) error {
	known := slices.Clone(backgroundOf(s).skills)
	var open []string
	for _, skill := range callingOf(s).skills {
		if !slices.Contains(known, skill) {
			open = append(open, skill)
		}
	}
	s.Skills = map[string]int{}
	for _, skill := range append(known, some(d, open, 3)...) {
		s.Skills[skill] = Bonus(*s.Abilities.all()[skillAbility[skill]]) + trained
	}
	return nil
}

func tellSkills(s *Sheet, _ *dice) string {
	var b strings.Builder
	b.WriteString("SKILLS\n")
	for _, skill := range slices.Sorted(maps.Keys(s.Skills)) {
		fmt.Fprintf(&b, "%-12s %+d  (%s)\n", skill, s.Skills[skill], abilityNames[skillAbility[skill]])
	}
	return b.String() + "\n"
}

func tellName(s *Sheet, _ *dice) string {
	return fmt.Sprintf("NAME\n%s, known as %s.\n\n", s.Name, s.DisplayID)
}

func decidePortrait(_ context.Context, s *Sheet, d *dice, _ func(int)) error {
	build := "of middling build"
	switch {
	case s.Abilities.Strength >= 15:
		build = "broad in the shoulders"
	case s.Abilities.Agility >= 15:
		build = "light on the feet"
	case s.Abilities.Endurance <= 8:
		build = "thin and pale"
	}
	air := one(d, airs)
	if s.Abilities.Presence >= 15 {
		air = "the kind of face that a room turns to"
	}
	s.Portrait = fmt.Sprintf("%s is %s, with %s hair, %s eyes and %s. %s.", s.Name, build, one(d, hair), one(d, eyes), one(d, marks), capital(air))
	return nil
}

func tellPortrait(s *Sheet, _ *dice) string { return "PORTRAIT\n" + s.Portrait + "\n\n" }

func ancestryOf(s *Sheet) ancestry     { return byName(ancestries, s.Ancestry) }
func backgroundOf(s *Sheet) background { return byName(backgrounds, s.Background) }
func callingOf(s *Sheet) calling       { return byName(callings, s.Calling) }

// byName returns the row of a table with a name. If there is no such row, as in a checkpoint of other tables, it is empty.
func byName[T interface{ called() string }](table []T, name string) (found T) {
	for _, row := range table {
		if row.called() == name {
			return row
		}
	}
	return found
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
