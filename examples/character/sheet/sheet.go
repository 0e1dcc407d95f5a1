// Package sheet builds the sheet of a character of fantasy, step by step, by rules and dice. The same seed gives the
// same character: each step throws dice of its own, so that a character can be built on from any step's end.
package sheet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Sheet is a character as far as it is built. Its JSON stays below 4 KiB.
type Sheet struct {
	// CharacterID is a UUID, the same for the same seed and given name (RFC 9562 §5.8).
	CharacterID string `json:"characterId"`
	// DisplayID is short enough to be read out: "BRA-7F3A".
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

	// Skills are those the character was trained in, each with what is added to a throw of the dice.
	Skills   map[string]int `json:"skills,omitempty"`
	Portrait string         `json:"portrait,omitempty"`

	givenName string
}

// Abilities are 3 to 20 each; 10 is what most people have.
type Abilities struct {
	Strength  int `json:"strength"`
	Agility   int `json:"agility"`
	Endurance int `json:"endurance"`
	Reason    int `json:"reason"`
	Insight   int `json:"insight"`
	Presence  int `json:"presence"`
}

// all gives the abilities by their place, which is how the tables name them.
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

// Bonus is what an ability adds to a throw of the dice: -4 to +5.
func Bonus(score int) int { return (score - score&1 - 10) / 2 }

// New is the sheet of a character that nothing is decided about. name may be empty: then one is found.
func New(seed uint64, name string) *Sheet {
	hash := sha256.Sum256(append(binary.BigEndian.AppendUint64([]byte("headway/character/"), seed), name...))
	id := hash[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8, variant 10
	return &Sheet{Seed: seed, givenName: name,
		CharacterID: fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])}
}

// Continue is an earlier sheet, decoded from its JSON, taken up again for the same seed and given name.
func (s *Sheet) Continue(name string) { s.givenName = name }

// Step is one part of building a sheet.
type Step struct {
	Name, Title string
	// Weight is the step's share of the whole.
	Weight float64
	// Units is how much there is to do, counted in Unit; 0 if the step is done at one stroke.
	Units int
	Unit  string

	decide func(ctx context.Context, s *Sheet, d *dice, done func(units int)) error
	tell   func(s *Sheet, d *dice) string
}

// Build decides the step's part of the sheet and gives what there is to tell about it, as text that ends with a line
// break. The steps before must have been built. done is told how many units are done; the error is ctx's.
func (p *Step) Build(ctx context.Context, s *Sheet, done func(units int)) (text string, err error) {
	d := &dice{rand.New(rand.NewPCG(s.Seed, nameNumber(p.Name)))}
	if p.decide != nil {
		if err := p.decide(ctx, s, d, done); err != nil {
			return "", err
		}
	}
	return p.tell(s, d), nil
}

// nameNumber makes a step's dice differ from other steps' (FNV-1a).
func nameNumber(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// dice are one step's chances.
type dice struct{ *rand.Rand }

// throw gives the sum of n dice with so many sides.
func (d *dice) throw(n, sides int) (sum int) {
	for range n {
		sum += 1 + d.IntN(sides)
	}
	return sum
}

// one picks one of the choices.
func one[T any](d *dice, choices []T) T { return choices[d.IntN(len(choices))] }

// some picks n different choices, in the order of the list.
func some[T any](d *dice, choices []T, n int) []T {
	var picked []T
	for i, c := range choices {
		if d.IntN(len(choices)-i) < n-len(picked) {
			picked = append(picked, c)
		}
	}
	return picked
}

// list joins words as a sentence does.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
