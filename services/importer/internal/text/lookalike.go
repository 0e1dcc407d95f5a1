package text

import (
	"strings"
	"unicode"

	"headway/internal/messages"
)

// twins are the letters that look like Latin ones.
const twins = "АВЕЅІЈКМНОРСТУХаеѕіјорсухһ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο"

// lookAlike describes the first letter of another alphabet in a word, if it looks like one of the word's alphabet: “U+0435 (Cyrillic
// letter) after “l””. It returns nothing if there is none.
func lookAlike(s string) []messages.Message {
	start := 0
	for word := range strings.FieldsSeq(s) {
		start += strings.Index(s[start:], word)
		if odd := oddLetter(word); odd >= 0 {
			return []messages.Message{describeLetter(s, start+odd)}
		}
		start += len(word)
	}
	return nil
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

func describeLetter(s string, at int) messages.Message {
	var letter rune
	for _, letter = range s[at:] {
		break
	}
	alphabet := "latin"
	switch {
	case unicode.Is(unicode.Cyrillic, letter):
		alphabet = "cyrillic"
	case unicode.Is(unicode.Greek, letter):
		alphabet = "greek"
	}
	named := messages.Part("character", character(alphabet, letter))
	if at > 0 {
		return messages.New("remark.inside", named, messages.Text("text", tail([]byte(s[:at]))))
	}
	return messages.New("remark.start", named)
}
