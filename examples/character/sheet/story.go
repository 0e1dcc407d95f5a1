package sheet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tellStory returns the character's story, in five paragraphs from the facts of the sheet.
func tellStory(s *Sheet, d *dice) string {
	a, b, c := ancestryOf(s), backgroundOf(s), callingOf(s)
	best, worst := extremes(&s.Abilities)
	skills := slices.SortedFunc(maps.Keys(s.Skills), func(x, y string) int {
		if s.Skills[x] != s.Skills[y] {
			return s.Skills[y] - s.Skills[x]
		}
		return strings.Compare(x, y)
	})
	skill := skills[0]
	place, companion, rival := one(d, places), one(d, companions), one(d, rivals)

	paragraphs := []string{
		fmt.Sprintf("%s was born %s, in the year %s. %s %s", s.Name, one(d, a.homes), one(d, omens), one(d, b.youth),
			fmt.Sprintf("Nobody who saw the child then would have guessed at a %s.", s.Calling)),
		fmt.Sprintf("It was %s that made the difference. %s By the age of %d, %s could outdo anyone %s when it came to %s; when it came to %s, less so, and %s",
			abilityNames[best], praise[best], a.grown*3/4, s.Name, place, skillDeeds[skill], blame[worst], one(d, shrugs)),
		fmt.Sprintf("Then %s. %s The road was long, and %s %s taught %s what a %s has to know: %s.", one(d, turns), one(d, partings), place, companion, s.Name, s.Calling, c.lesson),
		fmt.Sprintf("Not everyone was pleased. %s swore that %s would come to nothing, and for one long winter it looked that way. %s What stayed was %s, %s, and a debt to %s.",
			capital(rival), s.Name, one(d, hardships), s.Belongings[0], s.Belongings[len(s.Belongings)-1], companion),
		fmt.Sprintf("Today %s is %d years old and still wishes to %s. %s %s", s.Name, s.Age, s.Wish, one(d, rumours), one(d, endings)),
	}
	return "STORY\n" + strings.Join(paragraphs, "\n\n") + "\n"
}

// extremes returns the indexes of the highest and the lowest ability.
func extremes(a *Abilities) (best, worst int) {
	scores := a.all()
	for i, score := range scores {
		if *score > *scores[best] {
			best = i
		}
		if *score < *scores[worst] {
			worst = i
		}
	}
	if best == worst {
		worst = (best + 1) % len(scores)
	}
	return best, worst
}
