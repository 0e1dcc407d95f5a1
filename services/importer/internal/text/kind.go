package text

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of value that a text looks like.
type Kind uint8

// The kinds of texts.
const (
	Nothing Kind = iota
	Number
	DateOrTime
	Address // of a mailbox or a web page
	Word    // letters and digits, with single marks between them
	Words   // words with blanks and punctuation between them
	Unknown // anything else
)

// KindOf returns the kind of a text.
func KindOf(text []byte) Kind {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return Nothing
	}
	if len(text) > 400 {
		text = text[:400]
	}
	var digits, letterCount, marks, blanks, odd, tight int
	runs, before := 0, byte(0)
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case '0' <= c && c <= '9':
			digits++
			if before < '0' || before > '9' {
				runs++
			}
			i++
		case c < utf8.RuneSelf:
			switch {
			case 'a' <= c|0x20 && c|0x20 <= 'z':
				letterCount++
			case c == ' ':
				blanks++
			case c == '.' || c == ',' || c == '-' || c == '/' || c == ':' || c == '_' || c == '+' || c == '%' || c == '$' ||
				c == '(' || c == ')' || c == '\'' || c == '&' || c == '#' || c == '!' || c == '?':
				marks++
			default:
				odd++
			}
			if (c == ',' || c == ';' || c == '|' || c == '\t') && i+1 < len(text) && text[i+1] != ' ' && (!digit(before) || !digit(text[i+1])) {
				tight++ // a delimiter, rather than a punctuation mark
			}
			i++
		default:
			r, size := utf8.DecodeRune(text[i:])
			i += size
			switch {
			case unicode.IsLetter(r) || unicode.IsMark(r):
				letterCount++
			case unicode.IsSpace(r):
				blanks++
			case unicode.Is(unicode.Sc, r), unicode.IsPunct(r):
				marks++
			default:
				odd++
			}
		}
		before = c
	}
	switch {
	case odd == 0 && digits > 0 && letterCount <= 3 && isNumber(text):
		return Number
	case odd == 0 && digits > 0 && isDateOrTime(text, digits, letterCount, runs):
		return DateOrTime
	case tight > 0:
		return Unknown
	case isAddress(text):
		return Address
	case odd == 0 && blanks == 0 && letterCount+digits > 0 && marks <= (letterCount+digits)/2+1:
		return Word
	case letterCount+digits > 0 && odd*8 <= len(text) && marks*3 <= len(text):
		return Words
	}
	return Unknown
}

// isNumber recognizes digits with separators, a sign, an exponent, a currency or a percent sign.
func isNumber(text []byte) bool {
	first, last := bytes.IndexAny(text, "0123456789"), bytes.LastIndexAny(text, "0123456789")
	if first < 0 || first > 5 || len(text)-last > 6 {
		return false
	}
	for i := first; i <= last; i++ {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
		case c == '.' || c == ',' || c == '\'':
			if text[i+1] < '0' || text[i+1] > '9' {
				return false
			}
		case (c == 'e' || c == 'E') && i > first && i < last:
		case (c == '+' || c == '-') && (text[i-1]|0x20) == 'e':
		case c == ' ' && i+3 <= last:
		default:
			return false
		}
	}
	outside := append(append(make([]byte, 0, 12), text[:first]...), text[last+1:]...)
	for len(outside) > 0 {
		r, size := utf8.DecodeRune(outside)
		outside = outside[size:]
		if !unicode.Is(unicode.Sc, r) && !bytes.ContainsRune([]byte("+-.,% ()"), r) && !unicode.IsUpper(r) {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// isDateOrTime recognizes two to eight groups of digits with dashes, slashes, dots, colons, or the name of a month.
func isDateOrTime(text []byte, digits, letterCount, runs int) bool {
	if runs < 2 && letterCount < 3 || runs > 8 || digits < 3 || digits > 20 || letterCount > 12 || len(text) > 40 {
		return false
	}
	separators := 0
	for _, c := range text {
		switch c {
		case '-', '/', '.', ':':
			separators++
		case '_', '$', '(', ')', '&', '#', '!', '?', '\'', '%':
			return false
		}
	}
	return separators > 0 && separators < runs+2 && (letterCount == 0 || letterCount <= 12 && hasMonthOrZone(text))
}

// dateWords are the words that a date or time in a text file can contain.
var dateWords = func() map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsSeq(`january february march april may june july august september october november december
		jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday
		mon tue tues wed thu thur thurs fri sat sun utc gmt est edt cst cdt mst mdt pst pdt cet cest t z am pm`) {
		words[word] = true
	}
	return words
}()

func hasMonthOrZone(text []byte) bool {
	word := make([]byte, 0, 12)
	for i := 0; i <= len(text); i++ {
		if i < len(text) && 'a' <= text[i]|0x20 && text[i]|0x20 <= 'z' {
			word = append(word, text[i]|0x20)
			continue
		}
		if len(word) > 0 && !dateWords[string(word)] {
			return false
		}
		word = word[:0]
	}
	return true
}

// isAddress recognizes the address of a mailbox or of a web page.
func isAddress(text []byte) bool {
	if bytes.IndexByte(text, ' ') >= 0 {
		return false
	}
	if bytes.Contains(text, []byte("://")) || bytes.HasPrefix(text, []byte("www.")) {
		return true
	}
	at := bytes.IndexByte(text, '@')
	return at > 0 && bytes.IndexByte(text[at:], '.') > 1 && bytes.Count(text, []byte("@")) == 1
}
