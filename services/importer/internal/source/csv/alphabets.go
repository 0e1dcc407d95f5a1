package csv

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// western and central are characters that are not letters, in texts of these alphabets.
const (
	western = "€£§°²³µ–—‘’“”«»…•™©®º½¿¡·´"
	central = "€§°–—‘’“”„«»…"
)

// The alphabets of languages with the Latin script, without ASCII.
var (
	westAlphabets    = []string{"àâçèéêëîïôùûüÿœäöß", "áéíóúñüàèìòùãâêôõç", "åäöæøéüßíðóþáúý"}
	estonian         = "äõöüšž"
	centralAlphabets = []string{"ąćęłńóśźż", "áčďéěíňóřšťúůýžľĺŕäô", "áéíóöőúüű", "ăâîşţ", "čćđšž"}
)

// model scores the characters of a text in a language.
type model func(before, r, after rune) int

// legacy are the encodings that are recognized without a byte order mark, if the file is not UTF-8, with models of what is written in
// them. Of equal ones, the first wins.
var legacy = []struct {
	name     string
	encoding encoding.Encoding
	models   []model
}{
	{"windows-1252", charmap.Windows1252, append(latin(full, western, westAlphabets...),
		latin(less, western+"×÷¶†‡‰¢¥¦¨ª¬¯±¹¸¼¾ƒˆ˜‚„‹›", "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœšžß", estonian)...)},
	{"ISO-8859-15", charmap.ISO8859_15, latin(full, western, westAlphabets...)},
	{"macintosh", charmap.Macintosh, latin(less, western, westAlphabets...)},
	{"IBM850", charmap.CodePage850, latin(less, western, westAlphabets...)},
	{"windows-1250", charmap.Windows1250, append(latin(full, central, centralAlphabets...),
		latin(less, central+"´¤¦§¨©¬®°±¸×÷", "ąáâăäćçčęéëěíîďđńňóôőöřŕśšţťúůűüýźżžłľĺß")...)},
	{"ISO-8859-2", charmap.ISO8859_2, latin(full, central, centralAlphabets...)},
	{"IBM852", charmap.CodePage852, latin(less, central, centralAlphabets...)},
	{"windows-1255", charmap.Windows1255, []model{hebrew}},
	{"windows-1251", charmap.Windows1251, []model{cyrillic}},
	{"KOI8-R", charmap.KOI8R, []model{cyrillic}},
	{"IBM866", charmap.CodePage866, []model{cyrillic}},
	{"ISO-8859-5", charmap.ISO8859_5, []model{cyrillic}},
	{"x-mac-cyrillic", charmap.MacintoshCyrillic, []model{cyrillic}},
	{"windows-1253", charmap.Windows1253, []model{script(unicode.Greek, "€§°«»–—’½")}},
	{"windows-1254", charmap.Windows1254, latin(full, "€§°–—‘’“”", "ğışçöüâîûi")},
	{"windows-1256", charmap.Windows1256, []model{script(unicode.Arabic, "،؛؟€–—")}},
	{"ISO-8859-6", charmap.ISO8859_6, []model{script(unicode.Arabic, "،؛؟")}},
	{"windows-1257", charmap.Windows1257, latin(full, central, "āčēģīķļņšūž", "ąčęėįšųūž", estonian)},
	{"windows-874", charmap.Windows874, []model{thai}},
	{"Shift_JIS", japanese.ShiftJIS, []model{wide(japaneseText)}},
	{"EUC-JP", japanese.EUCJP, []model{wide(japaneseText)}},
	{"GB18030", simplifiedchinese.GB18030, []model{wide(chinese(commonSimplified))}},
	{"Big5", traditionalchinese.Big5, []model{wide(chinese(commonTraditional))}},
	{"EUC-KR", korean.EUCKR, []model{wide(koreanText)}},
}

// likelihood returns a score for a text in an encoding: the higher, the more likely.
func likelihood(sample []byte, e encoding.Encoding, models []model) int {
	decoded, err := e.NewDecoder().Bytes(sample)
	if err != nil && len(decoded) == 0 {
		return -1 << 30
	}
	best := -1 << 30
	for _, score := range models {
		total, before := 0, ' '
		for rest := decoded; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			rest = rest[size:]
			switch {
			case r < utf8.RuneSelf:
			case r == utf8.RuneError, r < 0xA0, unicode.Is(unicode.Co, r):
				total -= 50
			default:
				after, _ := utf8.DecodeRune(rest)
				total += score(before, r, after)
			}
			before = r
		}
		best = max(best, total)
	}
	return best
}

// full and less are the scores of a letter of an alphabet, and of one of several alphabets or of an encoding that is rare.
const full, less = 10, 8

// latin returns a model for each alphabet with the Latin script. Capital letters rarely follow small ones, letters with accents rarely
// follow each other or are alone, and other characters are rarely inside words.
func latin(score int, other string, alphabets ...string) (models []model) {
	others := runes(other)
	for _, small := range alphabets {
		alphabet := runes(small)
		models = append(models, func(before, r, after rune) int {
			known := alphabet[unicode.ToLower(r)]
			if (r == 'õ' || r == 'Õ') && small != estonian { // Portuguese, where Hungarian has ő
				known = known && unicode.ToLower(after) == 'e'
			}
			switch {
			case known && isTurkish(before, r, after): // in bytes: Ý, Þ, and Ð of Icelandic are İ, Ş, and Ğ
				return -2
			case known && unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsLetter(before) && unicode.IsLower(after)), known && unicode.IsLower(r) && unicode.IsUpper(after) && !unicode.IsUpper(before):
				return -3
			case known && before > unicode.MaxASCII && others[before] && !unicode.IsPunct(before):
				return 2
			case known && !unicode.IsLetter(before) && !unicode.IsLetter(after):
				return 3
			case known && before > unicode.MaxASCII && unicode.IsLetter(before):
				return score - 3
			case known:
				return score
			case others[r] && unicode.IsLetter(before) && unicode.IsLetter(after) && r != '’' && r != '·':
				return -6
			case others[r]:
				return 7
			case unicode.IsLetter(r):
				return -2
			}
			return -6
		})
	}
	return models
}

// isTurkish reports whether a letter of Icelandic is where only the Turkish letter with the same code is: Ý at the beginning of a word,
// unless it is a name such as Ýmir, ð at the beginning, and þ inside a word or at its end without a vowel after it.
func isTurkish(before, r, after rune) bool {
	switch unicode.ToLower(r) {
	case 'þ':
		return unicode.IsLetter(before) && !strings.ContainsRune(vowels, unicode.ToLower(after))
	case 'ð':
		return !unicode.IsLetter(before)
	case 'ý':
		return r == 'Ý' && !unicode.IsLetter(before) && unicode.IsLetter(after) && unicode.ToLower(after) != 'm'
	}
	return false
}

// vowels are letters that can follow þ.
const vowels = "aeiouyáéíóúýæörjv"

func runes(text string) map[rune]bool {
	set := map[rune]bool{}
	for _, r := range text {
		set[r] = true
	}
	return set
}

// script returns a model for a script, whose letters come next to each other.
func script(table *unicode.RangeTable, other string) model {
	others := runes(other)
	return func(before, r, _ rune) int {
		switch {
		case unicode.Is(table, r) && unicode.Is(table, before):
			if unicode.IsUpper(r) && unicode.IsLower(before) {
				return -4
			}
			return 12
		case unicode.Is(table, r) && !unicode.IsLetter(before):
			return 4
		case unicode.Is(table, r):
			return -8 // next to a Latin letter
		case others[r]:
			return 3
		}
		return -8
	}
}

var anyCyrillic = script(unicode.Cyrillic, "№«»–—€§°“”„…")

// cyrillic lowers the scores of letters that only some languages have.
func cyrillic(before, r, after rune) int {
	score := anyCyrillic(before, r, after)
	if r != 'Ё' && r != 'ё' && unicode.Is(unicode.Cyrillic, r) && (r < 'А' || r > 'я') {
		score -= 4
	}
	return score
}

var anyHebrew = script(unicode.Hebrew, "₪€°–—")

// hebrew lowers the scores of letters that belong at the ends of words and are elsewhere, as bytes of Cyrillic texts often are.
func hebrew(before, r, after rune) int {
	if strings.ContainsRune("ךםןףץ", r) && unicode.Is(unicode.Hebrew, after) {
		return -8
	}
	return anyHebrew(before, r, after)
}

var anyThai = script(unicode.Thai, "–—€")

// thai scores marks that follow no letter, which random bytes have.
func thai(before, r, after rune) int {
	switch {
	case unicode.Is(unicode.Mn, r) && !unicode.Is(unicode.Thai, before):
		return -20
	case unicode.Is(unicode.Thai, r):
		return 9 // less than half of a Chinese character
	}
	return anyThai(before, r, after)
}

// wide returns a model in which characters are rarely next to lowercase letters of the Latin script. In texts with that script, the second
// byte of such a character is often the letter after an accent.
func wide(m model) model {
	return func(before, r, after rune) int {
		if 'a' <= before && before <= 'z' || 'a' <= after && after <= 'z' {
			return -10
		}
		return m(before, r, after)
	}
}

// japaneseText scores a character of two bytes, so it counts twice.
func japaneseText(before, r, _ rune) int {
	switch {
	case unicode.In(r, unicode.Hiragana, unicode.Katakana) && r < 0xFF00:
		return 26
	case r >= 0xFF61 && r <= 0xFF9F: // half the width: one byte, and rare
		if before >= 0xFF61 && before <= 0xFF9F {
			return 3
		}
		return -6
	case r >= 0x3000 && r < 0x3040, r >= 0xFF01 && r < 0xFF60:
		return 16
	case unicode.Is(unicode.Han, r):
		return 17
	}
	return -10
}

// koreanText scores a character of two bytes, so it counts twice. Chinese in EUC-KR would have Chinese characters as well.
func koreanText(_, r, _ rune) int {
	switch {
	case commonHangul(r):
		return 21
	case unicode.Is(unicode.Hangul, r):
		return 2
	case r >= 0x3000 && r < 0x3040, r >= 0xFF01 && r < 0xFF60:
		return 16
	}
	return -10
}

// commonHangul reports whether a character is one of the 2,350 most frequent syllables, which KS X 1001 has.
func commonHangul(r rune) bool {
	b, err := korean.EUCKR.NewEncoder().Bytes(utf8.AppendRune(nil, r))
	return err == nil && len(b) == 2 && b[0] >= 0xB0 && b[0] <= 0xC8 && b[1] >= 0xA1
}

// chinese scores a character of two bytes, so it counts twice.
func chinese(common func(rune) bool) model {
	return func(_, r, _ rune) int {
		switch {
		case common(r):
			return 20
		case unicode.Is(unicode.Han, r):
			return 2
		case r >= 0x3000 && r < 0x3040, r >= 0xFF01 && r < 0xFF60, strings.ContainsRune("—…“”·", r):
			return 16
		}
		return -10
	}
}

// commonSimplified reports whether a character is in the first level of GB 2312, the 3,755 most frequent ones.
func commonSimplified(r rune) bool {
	b, err := simplifiedchinese.GBK.NewEncoder().Bytes(utf8.AppendRune(nil, r))
	return err == nil && len(b) == 2 && b[0] >= 0xB0 && b[0] <= 0xD7 && b[1] >= 0xA1
}

// commonTraditional reports whether a character is in the first level of Big5, the 5,401 most frequent ones.
func commonTraditional(r rune) bool {
	b, err := traditionalchinese.Big5.NewEncoder().Bytes(utf8.AppendRune(nil, r))
	return err == nil && len(b) == 2 && b[0] >= 0xA4 && b[0] <= 0xC6
}
