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
	// leastLikely is what the letters of a good name reach; see draw.
	leastLikely = -1.2
)

// decideName keeps the name that was given, or finds one: it learns from an ancestry's names which letter follows which
// two, draws many new names, and takes one of those that sound like them without being one of them.
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

// displayID is the name's first letters and four digits of the character's id.
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

// chain says how often which letter follows which two; '^' stands before a name and '$' behind it.
type chain map[[2]byte]*followers

type followers struct {
	letters []byte // each as often as it was seen
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

// draw makes up a name, and says how likely its letters are: the mean of their logarithms; -Inf for one of an unfit length.
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
