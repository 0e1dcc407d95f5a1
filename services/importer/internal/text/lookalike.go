package text

import (
	"fmt"
	"strings"
	"unicode"
)

// twins are the letters that look like Latin ones.
const twins = "АВЕЅІЈКМНОРСТУХаеѕіјорсухһ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο"

// lookAlike describes the first letter of another alphabet in a word, if it looks like one of the word's alphabet: “U+0435 (Cyrillic
// letter) after “l””. It is empty if there is none.
func lookAlike(s string) string {
	start := 0
	for word := range strings.FieldsSeq(s) {
		start += strings.Index(s[start:], word)
		if odd := oddLetter(word); odd >= 0 {
			return describeLetter(s, start+odd)
		}
		start += len(word)
	}
	return ""
}

// oddLetter returns the position of the first letter of the less frequent alphabet in a word, or -1 if no letter looks like one of
// another alphabet.
func oddLetter(word string) int {
	firstTwin, firstLatin, latin, others := -1, -1, 0, 0
	for i, r := range word {
		switch {
		case unicode.Is(unicode.Latin, r):
			if latin++; firstLatin < 0 {
				firstLatin = i
			}
		case unicode.Is(unicode.Cyrillic, r), unicode.Is(unicode.Greek, r):
			if others++; firstTwin < 0 && strings.ContainsRune(twins, r) {
				firstTwin = i
			}
		}
	}
	switch {
	case firstTwin < 0 || latin == 0:
		return -1
	case others > latin:
		return firstLatin
	}
	return firstTwin
}

func describeLetter(s string, at int) string {
	var letter rune
	for _, letter = range s[at:] {
		break
	}
	alphabet := "Latin"
	switch {
	case unicode.Is(unicode.Cyrillic, letter):
		alphabet = "Cyrillic"
	case unicode.Is(unicode.Greek, letter):
		alphabet = "Greek"
	}
	where := "at the start"
	if at > 0 {
		where = "after “" + tail([]byte(s[:at])) + "”"
	}
	return fmt.Sprintf("U+%04X (%s letter) %s", letter, alphabet, where)
}
