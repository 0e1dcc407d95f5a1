package match

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/text"
)

// maxValues is the number of values of a column that are looked at.
const maxValues = 500

// shape describes the appearance of a column's values.
type shape struct {
	// filled is the number of values that are not empty, and kinds the share of each kind.
	filled int
	kinds  [kindCount]float64
	// distinct are the different values, without case and blanks at the ends, and how often each occurs.
	distinct map[string]int
	// words are the words of the values.
	words map[string]bool
	// length is the mean length, in characters, and spread its relative deviation.
	length, spread float64
	// characters are the shares of kinds of characters: a to z, digits, and others.
	characters [40]float64
	// numbers are the values of the numbers, sorted.
	numbers []float64
}

// The kinds of values.
const (
	kindText = iota
	kindNumber
	kindFraction
	kindDate
	kindURL
	kindEmail
	kindLong
	kindCount
)

// longText is the number of characters from which a text is not a name or a code.
const longText = 80

func shapeOf(values []string) *shape {
	s := &shape{distinct: map[string]int{}, words: map[string]bool{}}
	var sum, squares float64
	for _, value := range values {
		if s.filled == maxValues {
			break
		}
		value = strings.ToLower(strings.TrimSpace(fold(clip(value))))
		if value == "" {
			continue
		}
		s.filled++
		s.distinct[value]++
		s.kinds[s.kindOf(value)]++
		n := float64(utf8.RuneCountInString(value))
		sum += n
		squares += n * n
		s.look(value)
	}
	if s.filled == 0 {
		return s
	}
	filled := float64(s.filled)
	for i := range s.kinds {
		s.kinds[i] /= filled
	}
	s.length = sum / filled
	s.spread = math.Sqrt(max(0, squares/filled-s.length*s.length)) / s.length
	total := 0.0
	for _, c := range s.characters {
		total += c
	}
	for i := range s.characters {
		s.characters[i] /= total
	}
	slices.Sort(s.numbers)
	return s
}

// category reports whether the column repeats few values, such as a status.
func (s *shape) category() bool { return s.filled >= 10 && len(s.distinct)*5 <= s.filled }

// look counts the characters and the words of a value.
func (s *shape) look(value string) {
	count := 0
	for _, r := range value {
		if count++; count > 200 {
			break
		}
		switch {
		case r >= 'a' && r <= 'z':
			s.characters[r-'a']++
		case r >= '0' && r <= '9':
			s.characters[26]++
		case r == ' ':
			s.characters[27]++
		case r == '.':
			s.characters[28]++
		case r == '-':
			s.characters[29]++
		case r == ':':
			s.characters[30]++
		case r == '/':
			s.characters[31]++
		case r == '@':
			s.characters[32]++
		case r == ',':
			s.characters[33]++
		case r == '(' || r == ')':
			s.characters[34]++
		case r == '_':
			s.characters[35]++
		case unicode.Is(unicode.Han, r):
			s.characters[36]++
		case unicode.IsLetter(r):
			s.characters[37]++
		case unicode.Is(unicode.Sc, r):
			s.characters[38]++
		default:
			s.characters[39]++
		}
	}
	if len(s.words) < 4*maxValues {
		for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(word) > 2 {
				s.words[stem(word)] = true
			}
		}
	}
}

func (s *shape) kindOf(value string) int {
	bare := strings.TrimFunc(value, func(r rune) bool { return unicode.Is(unicode.Sc, r) || r == '%' || r == ' ' })
	if n, err := strconv.ParseFloat(strings.ReplaceAll(bare, ",", ""), 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
		s.numbers = append(s.numbers, n)
		if strings.ContainsAny(bare, ".,") || bare != value {
			return kindFraction
		}
		return kindNumber
	}
	switch {
	case strings.HasPrefix(value, "http://"), strings.HasPrefix(value, "https://"), strings.HasPrefix(value, "www."):
		return kindURL
	case utf8.RuneCountInString(value) > longText:
		return kindLong
	case strings.Contains(value, "@") && !strings.Contains(value, " "):
		return kindEmail
	case text.KindOf([]byte(value)) == text.DateOrTime:
		return kindDate
	}
	return kindText
}

// compareValues returns how alike the values of two columns look, from 0 to 1, and how strong this evidence is, from 0 to 1.
func compareValues(a, b *shape) (like, tells float64) {
	if a.filled == 0 || b.filled == 0 {
		return 0, 0
	}
	kinds := 0.0
	for i := range a.kinds {
		kinds += min(a.kinds[i], b.kinds[i])
	}
	if near := min(a.kinds[kindNumber]+a.kinds[kindFraction], b.kinds[kindNumber]+b.kinds[kindFraction]); near > kinds {
		kinds = (kinds + near) / 2
	}
	characters := cosine(a.characters[:], b.characters[:])
	length := 1 - math.Abs(a.length-b.length)/max(a.length, b.length)
	like = .45*kinds + .35*characters + .2*length
	if n := min(len(a.numbers), len(b.numbers)); n > 0 && kinds > .5 && float64(len(a.numbers)) > .6*float64(a.filled) {
		like = .35*kinds + .15*length + .1*characters + .4*ranges(a.numbers, b.numbers)
	}
	return like, min(1, float64(min(a.filled, b.filled))/5)
}

func cosine(a, b []float64) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// ranges compares the quartiles of numbers.
func ranges(a, b []float64) float64 {
	at := func(s []float64, q float64) float64 { return s[int(q*float64(len(s)-1))] }
	sum := 0.0
	for _, q := range []float64{.1, .25, .5, .75, .9} {
		x, y := at(a, q), at(b, q)
		sum += 1 / (1 + math.Abs(math.Asinh(x)-math.Asinh(y)))
	}
	return sum / 5
}

// overlap returns the share of the values of the column with fewer values that the other one has too, weighted by the
// evidence of each value. It returns 0 if there is no evidence.
func overlap(a, b *shape, columns map[string]int) float64 {
	if len(a.distinct) > len(b.distinct) {
		a, b = b, a
	}
	shared, total := 0.0, 0.0
	for value := range a.distinct {
		w := valueWeight(value, columns[value])
		total += w
		if b.distinct[value] > 0 {
			shared += w
		}
	}
	if total == 0 {
		return 0
	}
	// With little evidence, the share counts less.
	return shared / (total + .5)
}

// valueWeight returns how strong the evidence of a value is: small numbers are in many columns.
func valueWeight(value string, columns int) float64 {
	w := 1.0
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		w = .05 + .05*min(4, float64(len(value)-1))
		if math.Abs(n) > 1e5 {
			w = .5
		}
	} else if len(value) < 3 {
		w = .3
	}
	if columns > 2 {
		w *= 2 / float64(columns)
	}
	return w
}

// wordOverlap returns the share of the words of the column with fewer words that the other one has too.
func wordOverlap(a, b *shape) float64 {
	if len(a.words) > len(b.words) {
		a, b = b, a
	}
	if len(a.words) == 0 {
		return 0
	}
	n := 0
	for w := range a.words {
		if b.words[w] {
			n++
		}
	}
	return float64(n) / (float64(len(a.words)) + 1)
}
