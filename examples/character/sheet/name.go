package sheet

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
)

const (
	nameTries = 8_000
	leastName = 4
	mostName  = 9
	// leastLikely is the minimum likelihood of a good name. See draw.
	leastLikely = -1.2
)

// decideName keeps the given name, or generates one. It learns the sequences of three letters from an ancestry's names,
// draws many new names, and chooses one that sounds like them and is not one of them.
func decideName(ctx context.Context, s *Sheet, d *dice, done func(int)) error {
	s.Name = s.givenName
	if s.Name == "" {
		known := ancestryOf(s).names
		learned := learn(known)
		found := map[string]bool{}
		for i := range nameTries {
			if i%500 == 0 {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				done(i)
			}
			if name, likely := learned.draw(d); likely >= leastLikely && !isKnown(known, name) {
				found[name] = true
			}
		}
		s.Name = capital(one(d, slices.Sorted(maps.Keys(found))))
	}
	done(nameTries)
	s.DisplayID = displayID(s)
	return nil
}

// displayID returns the name's first letters and four digits of the character's ID.
func displayID(s *Sheet) string {
	var letters strings.Builder
	for _, r := range s.Name {
		if unicode.IsLetter(r) && letters.Len() < 3 && r < unicode.MaxASCII {
			letters.WriteRune(unicode.ToUpper(r))
		}
	}
	for letters.Len() < 3 {
		letters.WriteByte('X')
	}
	h := fnv.New32a()
	h.Write([]byte(s.CharacterID))
	digits := binary.BigEndian.Uint16(h.Sum(nil))
	const hex = "0123456789ABCDEF"
	return letters.String() + "-" + string([]byte{hex[digits>>12], hex[digits>>8&15], hex[digits>>4&15], hex[digits&15]})
}

func isKnown(names []string, name string) bool {
	for _, known := range names {
		if strings.HasPrefix(known, name) || strings.HasPrefix(name, known) {
			return true
		}
	}
	return false
}

// chain counts which letters follow each pair of letters. '^' marks the start of a name, and '$' its end.
type chain map[[2]byte]*followers

type followers struct {
	letters []byte // each as many times as it was seen
	counts  [256]int
}

func learn(names []string) chain {
	c := chain{}
	for _, name := range names {
		before := [2]byte{'^', '^'}
		for _, letter := range []byte(name + "$") {
			f := c[before]
			if f == nil {
				f = &followers{}
				c[before] = f
			}
			f.letters = append(f.letters, letter)
			f.counts[letter]++
			before = [2]byte{before[1], letter}
		}
	}
	return c
}

// draw generates a name, and returns the mean logarithm of its letters' likelihoods. It is -Inf for an unsuitable length.
func (c chain) draw(d *dice) (name string, likely float64) {
	var letters []byte
	before := [2]byte{'^', '^'}
	sum := 0.0
	for {
		f := c[before]
		letter := one(d, f.letters)
		sum += math.Log(float64(f.counts[letter]) / float64(len(f.letters)))
		if letter == '$' {
			break
		}
		if letters = append(letters, letter); len(letters) > mostName {
			return "", math.Inf(-1)
		}
		before = [2]byte{before[1], letter}
	}
	if len(letters) < leastName {
		return "", math.Inf(-1)
	}
	return string(letters), sum / float64(len(letters)+1)
}
