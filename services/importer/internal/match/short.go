package match

import "strings"

// abbreviates returns how likely a word is short for another one.
func abbreviates(short, long *token) float64 {
	n := len(short.text)
	if n >= len(long.text) || n < 2 {
		return 0
	}
	share := float64(n) / float64(len(long.text))
	switch {
	case strings.HasPrefix(long.text, short.text) && n >= 3:
		return .7 + .25*share
	case short.text == long.skeleton && n >= 2:
		return .85
	case n >= 3 && strings.HasPrefix(long.skeleton, short.text):
		return .6 + .2*share
	case n >= 3 && short.text[0] == long.text[0] && subsequence(short.text, long.text):
		return .35 + .4*share
	}
	return 0
}

func subsequence(short, long string) bool {
	i := 0
	for j := 0; j < len(long) && i < len(short); j++ {
		if short[i] == long[j] {
			i++
		}
	}
	return i == len(short)
}

// spelled returns how well a header is another one whose words are shortened and joined, such as hirdat or hr_dt for
// hire_date.
func spelled(short, long *name) float64 {
	if len(long.tokens) == 0 || len(short.joined) >= len(long.joined) || len(short.joined) < 2 {
		return 0
	}
	best := 0.0
	for first := range min(2, len(long.tokens)) { // the first word can be the table's name
		words := long.tokens[first:]
		if !spell(short.joined, words) {
			continue
		}
		all := 0
		for i := range words {
			all += len(words[i].text)
		}
		score := .72 + .2*min(1, float64(len(short.joined))/float64(all))
		if len(short.joined) < 2*len(words) && len(words) > 1 {
			score = .45 // initials
		}
		if first > 0 {
			score *= .8
		}
		best = max(best, score)
	}
	return best
}

// spell reports whether a text consists of short forms of all words in their order.
func spell(text string, words []token) bool {
	reached := make([]bool, len(text)+1) // the ends of the words so far
	reached[0] = true
	for i := range words {
		w := &words[i]
		next := make([]bool, len(text)+1)
		for from, ok := range reached {
			if !ok {
				continue
			}
			for n := 1; n <= min(len(text)-from, len(w.text)); n++ {
				if w.shortens(text[from:from+n], i > 0) {
					next[from+n] = true
				}
			}
		}
		reached = next
	}
	return reached[len(text)]
}

// shortens reports whether a text is a short form of a word. Inside of a name, a vowel at the beginning can be missing too.
func (t *token) shortens(short string, inside bool) bool {
	return strings.HasPrefix(t.text, short) || strings.HasPrefix(t.skeleton, short) ||
		inside && strings.ContainsRune("aeiou", rune(t.text[0])) && t.skeleton[1:] == short
}
