package match

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of what is compared of a name: its letters, and its words.
const (
	maxLetters = 128
	maxTokens  = 16
)

// name is a header in the form in which it is compared.
type name struct {
	// joined are all letters and digits, without case and accents.
	joined string
	tokens []token
	// merged are the words, but those that are one word together are joined, such as "last name".
	merged []token
}

// token is a word of a name.
type token struct {
	text, stem, skeleton string
	meanings             []int
}

// parseName splits a header into words: at other characters than letters and digits, and where lower case changes to upper
// case or letters to digits. A word that consists of known words is split too.
func parseName(header string) name {
	var n name
	var word []rune
	flush := func() {
		if len(word) > 0 {
			n.add(string(word))
		}
		word = word[:0]
	}
	var last rune
	for i, r := range fold(clip(header)) {
		if i > maxLetters {
			break
		}
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
		case len(word) > 0 && (unicode.IsUpper(r) && unicode.IsLower(last) || unicode.IsDigit(r) != unicode.IsDigit(last)):
			flush()
			fallthrough
		default:
			word = append(word, unicode.ToLower(r))
		}
		last = r
	}
	flush()
	n.merge()
	return n
}

// merge joins neighbors that are a known word together.
func (n *name) merge() {
	for i := 0; i < len(n.tokens); i++ {
		if i+1 < len(n.tokens) {
			if both := n.tokens[i].text + n.tokens[i+1].text; len(meanings()[both]) > 0 {
				n.merged = append(n.merged, newToken(both))
				i++
				continue
			}
		}
		n.merged = append(n.merged, n.tokens[i])
	}
}

// clip shortens a text to what is looked at.
func clip(s string) string {
	if len(s) <= 4*maxLetters {
		return s
	}
	return strings.ToValidUTF8(s[:4*maxLetters], "")
}

// fold removes accents and differences of width.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return norm.NFKC.String(letters.Replace(s))
}

// letters are those that consist of no letter and accent.
var letters = strings.NewReplacer("ß", "ss", "ø", "o", "Ø", "O", "ł", "l", "Ł", "L", "ı", "i")

func (n *name) add(word string) {
	n.joined += word
	parts := split(word)
	for _, part := range parts {
		if len(n.tokens) < maxTokens && !fillers[part] {
			n.tokens = append(n.tokens, newToken(part))
		}
	}
}

// fillers are words of headers that mean nothing, in some languages.
var fillers = map[string]bool{"of": true, "the": true, "de": true, "du": true, "des": true, "der": true, "la": true, "le": true, "el": true,
	"di": true, "da": true, "do": true, "del": true, "van": true, "的": true, "の": true}

func newToken(text string) token {
	return token{text: text, stem: stem(text), skeleton: skeleton(text), meanings: meaningsOf(text)}
}

// split returns the known words of which a word consists, or the word itself. A German word can have an "s" between its parts.
func split(word string) []string {
	if len(meaningsOf(word)) > 0 || utf8.RuneCountInString(word) < 4 && !wide(word) {
		return []string{word}
	}
	if parts := splitKnown(word, 0); parts != nil {
		return parts
	}
	return []string{word}
}

// wide reports whether a text is written without blanks between its words.
func wide(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

// maxParts is the number of known words in one.
const maxParts = 5

func splitKnown(word string, depth int) []string {
	if word == "" {
		return []string{}
	}
	if depth == maxParts {
		return nil
	}
	least := 3
	if wide(word) {
		least = 1
	}
	for end := len(word); end >= least; end-- {
		if end < len(word) && !utf8.RuneStart(word[end]) || len(meaningsOf(word[:end])) == 0 {
			continue
		}
		rest := word[end:]
		for _, link := range []string{"", "s", "es", "n"} {
			after, linked := strings.CutPrefix(rest, link)
			if !linked || link != "" && after == "" && link == "n" {
				continue
			}
			if parts := splitKnown(after, depth+1); parts != nil {
				return append([]string{word[:end]}, parts...)
			}
		}
	}
	return nil
}

// stem returns a word without common endings.
func stem(word string) string {
	for _, ending := range []string{"ations", "ation", "ings", "ing", "ies", "ion", "ed", "es", "al", "ic", "s", "y", "en", "e"} {
		if rest, ok := strings.CutSuffix(word, ending); ok && len(rest) >= 4 {
			return rest
		}
	}
	return word
}

// skeleton returns the first letter and the consonants of a word.
func skeleton(word string) string {
	var b strings.Builder
	for i, r := range word {
		if i == 0 || !strings.ContainsRune("aeiou", r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// alike returns how alike two words are, from 0 to 1.
func (t *token) alike(o *token) float64 {
	switch {
	case t.text == o.text:
		return 1
	case t.stem == o.stem && len(t.stem) >= 4:
		return .95
	case common(t.meanings, o.meanings):
		return .9
	}
	return max(abbreviates(t, o), abbreviates(o, t), similar(t.text, o.text))
}

func common(a, b []int) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// similar returns how much two words have in common, if they are long and differ in few letters only.
func similar(a, b string) float64 {
	ra, rb := []rune(a), []rune(b)
	longest := max(len(ra), len(rb))
	if longest < 4 || longest > 40 {
		return 0
	}
	s := 1 - float64(edits(ra, rb))/float64(longest)
	if s < .7 {
		return 0
	}
	return s * .95
}

// edits returns the number of letters that are added, deleted, or replaced to get from one word to another.
func edits(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		corner := row[0]
		row[0]++
		for j := range b {
			next := corner
			if a[i] != b[j] {
				next = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// rarity is how well a word distinguishes columns of the two tables.
type rarity map[string]float64

func (r rarity) of(t *token) float64 {
	if w, ok := r[t.stem]; ok {
		return w
	}
	return 1
}

// compareNames returns how alike two headers are, from 0 to 1.
func compareNames(a, b *name, weight rarity) float64 {
	if a.joined == "" || b.joined == "" {
		return 0
	}
	if a.joined == b.joined {
		return 1
	}
	score := max(compareTokens(a.tokens, b.tokens, weight), compareTokens(a.merged, b.merged, weight))
	score = max(score, spelled(a, b), spelled(b, a))
	return min(score, .99)
}

// compareTokens compares two lists of words. Each word has one partner. Words without a partner count less if they are weak evidence.
func compareTokens(a, b []token, weight rarity) float64 {
	type link struct {
		i, j int
		s    float64
	}
	var links []link
	for i := range a {
		for j := range b {
			if s := a[i].alike(&b[j]); s > 0 {
				links = append(links, link{i, j, s})
			}
		}
	}
	usedA, usedB := make([]bool, len(a)), make([]bool, len(b))
	shared, total := 0.0, 0.0
	for range links {
		best := -1
		for k, l := range links {
			if !usedA[l.i] && !usedB[l.j] && (best < 0 || l.s > links[best].s) {
				best = k
			}
		}
		if best < 0 {
			break
		}
		l := links[best]
		usedA[l.i], usedB[l.j] = true, true
		w := (weight.of(&a[l.i]) + weight.of(&b[l.j])) / 2
		shared += w * l.s
		total += w
	}
	rest := func(tokens []token, used []bool) (sum float64) {
		for i := range tokens {
			if !used[i] {
				sum += weight.of(&tokens[i])
			}
		}
		return sum
	}
	leftA, leftB := rest(a, usedA), rest(b, usedB)
	if shared == 0 {
		return 0
	}
	// Words that only one of them has, such as the name of the table, count half of those that contradict each other.
	both := min(leftA, leftB)
	return shared / (total + both + .35*(max(leftA, leftB)-both))
}
