// Package sheet builds the sheet of a fantasy character, step by step, by rules and dice. The same seed produces the
// same character. Each step has its own dice, so a character can be continued after any step.
package sheet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Sheet is a character, as far as it has been built. Its JSON stays below 4 KiB.
type Sheet struct {
	// CharacterID is a UUID, the same for the same seed and given name (RFC 9562 §5.8).
	CharacterID string `json:"characterId"`
	// DisplayID is short enough to be read aloud: "BRA-7F3A".
	DisplayID string `json:"displayId,omitempty"`
	Name      string `json:"name,omitempty"`
	Seed      uint64 `json:"seed"`

	Ancestry  string   `json:"ancestry,omitempty"`
	Age       int      `json:"age,omitempty"`
	Languages []string `json:"languages,omitempty"`
	Traits    []string `json:"traits,omitempty"`

	Abilities  Abilities `json:"abilities"`
	Background string    `json:"background,omitempty"`
	Wish       string    `json:"wish,omitempty"`
	Calling    string    `json:"calling,omitempty"`
	HitPoints  int       `json:"hitPoints,omitempty"`
	Defence    int       `json:"defence,omitempty"`
	Belongings []string  `json:"belongings,omitempty"`

	// Skills are the skills that the character was trained in, each with its bonus to a throw of the dice.
	Skills   map[string]int `json:"skills,omitempty"`
	Portrait string         `json:"portrait,omitempty"`

	givenName string
}

// Abilities are numbers from 3 to 20. 10 is average.
type Abilities struct {
	Strength  int `json:"strength"`
	Agility   int `json:"agility"`
	Endurance int `json:"endurance"`
	Reason    int `json:"reason"`
	Insight   int `json:"insight"`
	Presence  int `json:"presence"`
}

// all returns the abilities by index. The tables refer to them by these indexes.
func (a *Abilities) all() [6]*int {
	return [6]*int{&a.Strength, &a.Agility, &a.Endurance, &a.Reason, &a.Insight, &a.Presence}
}

var abilityNames = [6]string{"strength", "agility", "endurance", "reason", "insight", "presence"}

const (
	strength = iota
	agility
	endurance
	reason
	insight
	presence
)

// Bonus returns the bonus of an ability to a throw of the dice: -4 to +5.
func Bonus(score int) int { return (score - score&1 - 10) / 2 }

// New returns the sheet of a new character, with nothing decided yet. If name is empty, a step generates one.
func New(seed uint64, name string) *Sheet {
	hash := sha256.Sum256(append(binary.BigEndian.AppendUint64([]byte("headway/character/"), seed), name...))
	id := hash[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8, variant 10
	return &Sheet{Seed: seed, givenName: name,
		CharacterID: fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])}
}

// Continue prepares a sheet that was decoded from JSON for further steps, with the same seed and given name.
func (s *Sheet) Continue(name string) { s.givenName = name }

// Step is one part of building a sheet.
type Step struct {
	Name, Title string
	// Weight is the step's share of the whole.
	Weight float64
	// Units is the amount of work, in Unit. It is 0 if the step is done in one go.
	Units int
	Unit  string

	decide func(ctx context.Context, s *Sheet, d *dice, done func(units int)) error
	tell   func(s *Sheet, d *dice) string
}

// Build decides the step's part of the sheet, and returns a text about it, which ends with a line
// break. The previous steps must have been built. Build calls done with the number of finished units. The error is that of ctx.
func (p *Step) Build(ctx context.Context, s *Sheet, done func(units int)) (text string, err error) {
	d := &dice{rand.New(rand.NewPCG(s.Seed, nameNumber(p.Name)))}
	if p.decide != nil {
		if err := p.decide(ctx, s, d, done); err != nil {
			return "", err
		}
	}
	return p.tell(s, d), nil
}

// nameNumber returns a number for a step's name (FNV-1a), so that each step has different dice.
func nameNumber(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// dice are the random numbers of one step.
type dice struct{ *rand.Rand }

// throw returns the sum of n dice with the given number of sides.
func (d *dice) throw(n, sides int) (sum int) {
	for range n {
		sum += 1 + d.IntN(sides)
	}
	return sum
}

// one returns one of the choices.
func one[T any](d *dice, choices []T) T { return choices[d.IntN(len(choices))] }

// some returns n different choices, in the order of the list.
func some[T any](d *dice, choices []T, n int) []T {
	var picked []T
	for i, c := range choices {
		if d.IntN(len(choices)-i) < n-len(picked) {
			picked = append(picked, c)
		}
	}
	return picked
}

// list joins words with commas and "and".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
