package match

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed words.tsv
var wordsTSV string

// meanings returns the numbers of the meanings of each word of words.tsv.
var meanings = sync.OnceValue(func() map[string][]int {
	words := map[string][]int{}
	for number, line := range strings.Split(wordsTSV, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			word = strings.ToLower(fold(word))
			if list := words[word]; len(list) == 0 || list[len(list)-1] != number {
				words[word] = append(list, number)
			}
		}
	}
	return words
})

// meaningsOf returns the meanings of a word, or of its singular, or of its form with ä for ae.
func meaningsOf(word string) []int {
	known := meanings()
	if found := known[word]; found != nil {
		return found
	}
	if plain := umlauts.Replace(word); plain != word {
		if found := known[plain]; found != nil {
			return found
		}
	}
	for _, ending := range []string{"s", "es", "en", "n", "e"} {
		if rest, ok := strings.CutSuffix(word, ending); ok && len(rest) >= 3 {
			if found := known[rest]; found != nil {
				return found
			}
		}
	}
	return nil
}

var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")
