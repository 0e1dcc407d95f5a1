package convert

import (
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// boolean accepts Excel's truth values, 1 and 0, and words.
func (c *Column) boolean(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	switch cell.Kind {
	case source.Bool, source.Text, source.Number:
		switch {
		case equalFold(cell.Text, "true"), equalFold(cell.Text, "yes"), string(cell.Text) == "1":
			return imports.Value{Kind: imports.Integer, Int: 1}, buf, nil
		case equalFold(cell.Text, "false"), equalFold(cell.Text, "no"), string(cell.Text) == "0":
			return imports.Value{Kind: imports.Integer, Int: 0}, buf, nil
		}
	}
	return c.otherBoolean(cell, buf)
}

func (c *Column) otherBoolean(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind != source.Text {
		return imports.Value{}, buf, fault(imports.NotABoolean, messages.New("boolean", quoteCell(cell)))
	}
	s, buf, f := clean(cell, buf)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	truth, known := truthOf(s)
	n := int64(1)
	switch {
	case known && truth == "":
		return imports.Value{}, buf, fault(imports.NotABoolean, messages.New("boolean.ambiguous", quoteCell(cell)))
	case known && truth == "false":
		n = 0
	case !known:
		number := readNumber(s, nil)
		if len(number.readings) != 1 || number.unit != "" || number.readings[0] != "0" && number.readings[0] != "1" {
			return imports.Value{}, buf, fault(imports.NotABoolean, messages.New("boolean", quoteCell(cell)))
		}
		n = int64(number.readings[0][0] - '0')
	}
	return imports.Value{Kind: imports.Integer, Int: n}, buf, normalized
}

// IsAmbiguousWord reports whether a text means true in some files and false in others.
func IsAmbiguousWord(s string) bool {
	truth, known := truthOf([]byte(text.CleanString(s)))
	return known && truth == ""
}

// IsTruth reports whether a text is a word or a number for true or false, even if it can mean both.
func IsTruth(s string) bool {
	s = text.CleanString(s)
	_, known := truthOf([]byte(s))
	return known || s == "1" || s == "0"
}

// truthOf returns the meaning of a word: true, false, or nothing if it can mean both.
func truthOf(s []byte) (truth string, known bool) {
	t, _ := fold(s)
	word := strings.ToLower(string(t))
	for _, form := range []string{word, strings.TrimRight(word, ".!"), strings.ReplaceAll(word, " ", ""), withoutAccents(word)} {
		if truth, known = truths[form]; known {
			return truth, true
		}
	}
	return "", false
}

func equalFold(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i, b := range text {
		if b|0x20 != word[i] {
			return false
		}
	}
	return true
}

// truths are the words for true and false in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish,
// Swedish, Danish, Norwegian, Finnish, Czech, Turkish, Russian, Ukrainian, Greek, Hungarian, Japanese, Chinese, Korean, Arabic,
// Hebrew, Hindi, Vietnamese, Thai, Indonesian, Estonian, Latvian, and Lithuanian. Marks that mean yes in some forms and
// no in others are not included.
var truths = func() map[string]string {
	words := map[string]string{}
	for truth, list := range map[string]string{
		"true": "true yes y t on ja j wahr oui vrai sí si verdadero vero sim verdadeiro waar tak prawda sann sand sant tosi kyllä " +
			"ano pravda evet doğru joo jah taip da aye ya benar ใช่ v s 對 对 有 [x] [✓] [✔] .t. #true# верно да истина так ναι igen igaz はい 真 是 예 네 نعم כן हाँ có đúng ✓ ✔ ☑ ✅",
		"false": "false no n f off nein falsch non faux falso não nao nee onwaar nie fałsz nej nei falsk usann epätosi ei " +
			"ne nepravda hayır hayir yanlış nu tidak salah ไม่ 错 錯 无 無 [] .f. #false# yanlis нет ложь ні όχι nem hamis いいえ 偽 否 아니오 아니요 لا לא नहीं không ☐",
		"": "x ✗ ✘ ☒ ❌ o × ○ ◯ ●",
	} {
		for _, word := range strings.Fields(list) {
			words[word] = truth
		}
	}
	return words
}()
