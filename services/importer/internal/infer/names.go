package infer

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// name is a name as its words, in lower case, without accents, and in the singular.
type name []string

func nameOf(s string) name {
	var words name
	for _, word := range wordsOf(s) {
		word = singular(withoutAccents(strings.ToLower(word)))
		if subject, kind, compound := splitCompound(word); compound {
			words = append(words, singular(subject), kind)
		} else {
			words = append(words, word)
		}
	}
	return words
}

// withoutAccents returns the letters of a word without their accents: numéro becomes numero.
func withoutAccents(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(word))
}

// splitCompound splits a word that ends with a word for an identifier, as in German: kundennummer.
func splitCompound(word string) (subject, kind string, compound bool) {
	for _, kind := range []string{"nummer", "kennung", "schlussel", "nr"} {
		if subject, compound := strings.CutSuffix(word, kind); compound && len(subject) >= 3 {
			return subject, kind, true
		}
	}
	return "", "", false
}

// wordsOf splits a name into its words: personnelNo has two.
func wordsOf(s string) (words []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
		}
		word = word[:0]
	}
	runes := []rune(s)
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			end()
			continue
		}
		if i > 0 && unicode.IsUpper(r) {
			lowerBefore := unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1])
			lowerAfter := i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])
			if lowerBefore || lowerAfter && !pluralOfAbbreviation(runes[i:]) {
				end()
			}
		}
		word = append(word, r)
	}
	end()
	return words
}

// pluralOfAbbreviation reports whether the rest of a name is the last letter of an abbreviation and its plural: IDs.
func pluralOfAbbreviation(rest []rune) bool {
	return len(rest) >= 2 && rest[1] == 's' && (len(rest) == 2 || !unicode.IsLower(rest[2]))
}

func singular(word string) string {
	switch {
	case len(word) > 4 && strings.HasSuffix(word, "ies"):
		return word[:len(word)-3] + "y"
	case len(word) > 4 && (strings.HasSuffix(word, "sses") || strings.HasSuffix(word, "xes") || strings.HasSuffix(word, "ches") || strings.HasSuffix(word, "shes")):
		return word[:len(word)-2]
	case len(word) > 2 && strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss") && !strings.HasSuffix(word, "us") && !strings.HasSuffix(word, "is"):
		return word[:len(word)-1]
	}
	return word
}

// subject returns the words without those for the kind of value.
func (n name) subject() name {
	return slices.DeleteFunc(slices.Clone(n), func(w string) bool {
		return slices.Contains(identifiers, w) || slices.Contains(displayNames, w) || slices.Contains(descriptions, w) || slices.Contains(articles, w)
	})
}

// isIdentifier reports whether the name ends or begins with a word for an identifier: customer number, código de cliente. A number
// of something is a count.
func (n name) isIdentifier() bool {
	if len(n) == 0 {
		return false
	}
	return slices.Contains(identifiers, n[len(n)-1]) || slices.Contains(identifiers, n[0]) && n[1] != "of"
}

// isDisplayName reports whether the name ends with a word for a name.
func (n name) isDisplayName() bool {
	return len(n) > 0 && slices.Contains(displayNames, n[len(n)-1])
}

func (n name) hasAny(words []string) bool {
	return slices.ContainsFunc(n, func(w string) bool { return slices.Contains(words, w) })
}

// sameWord reports whether two words are the same, or one is an abbreviation of the other: ship and shipper, emp and
// employee.
func sameWord(a, b string) bool {
	if a == b {
		return true
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= 3 && strings.HasPrefix(b, a)
}

// isHead reports whether a word is the second part of a compound: hero of superhero.
func isHead(word, compound string) bool {
	const shortest = 4
	return len(word) >= shortest && len(compound) > len(word) && strings.HasSuffix(compound, word)
}

// abbreviates reports whether the name is an abbreviation of a word: ship_via of shipper.
func (n name) abbreviates(word string) bool {
	rest := slices.DeleteFunc(slices.Clone(n), func(w string) bool { return slices.Contains(prepositions, w) })
	return len(rest) == 1 && sameWord(rest[0], word)
}

// ends reports whether n ends with the words of other.
func (n name) ends(other name) bool {
	return len(other) > 0 && len(n) >= len(other) && n[len(n)-len(other):].same(other)
}

// same reports whether two names have the same words, one of them perhaps in the plural.
func (n name) same(other name) bool {
	return slices.EqualFunc(n, other, func(a, b string) bool { return a == b || inflected(a, b) })
}

// plurals are endings of the singular and of the plural in languages that have others than English.
var plurals = [][2]string{{"", "e"}, {"", "n"}, {"", "en"}, {"", "er"}, {"", "x"}, {"o", "i"}, {"e", "i"}, {"a", "e"}}

// inflected reports whether one word can be the plural of the other.
func inflected(a, b string) bool {
	const stem = 4
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n < stem {
		return false
	}
	endings := [2]string{a[n:], b[n:]}
	return slices.ContainsFunc(plurals, func(p [2]string) bool { return p == endings || p == [2]string{endings[1], endings[0]} })
}

// The similarities of names, by how directly a column is named after a table.
const (
	namedAfter   = 1.0  // customer_id, Customer
	namedLike    = 0.95 // Kunde of Kunden
	sharesKey    = 0.9  // the name of the other table's key, such as pub_id
	endsWith     = 0.8  // manager_staff_id, ship_country
	plays        = 0.6  // the role of an employee
	abbreviates  = 0.5  // ship_via
	differentBy  = 0.0
	enoughByName = 0.5
)

// similarity returns how strongly the name of a column suggests that it refers to a column of a table.
func similarity(child, parentTable *table, c, p *column) float64 {
	subject, table := c.words.subject(), parentTable.words.subject()
	if len(table) == 0 {
		table = parentTable.words
	}
	own := child == parentTable
	switch {
	case slices.Equal(subject, table) && !own:
		return namedAfter
	case slices.Equal(c.words, p.words) && len(subject) > 0 && !own && parentTable.likeliestKey() == p:
		return sharesKey
	case len(subject) > 0 && strings.Join(subject, "") == strings.Join(table, "") && !own:
		return namedAfter
	case subject.same(table) && !own:
		return namedLike
	case subject.ends(table) && len(subject) > len(table):
		return endsWith
	case own && len(subject) > 0 && subject.ends(p.words.subject()) && len(subject) > len(p.words.subject()):
		return endsWith
	case own && c.words.hasAny(upwards):
		return plays
	case parentTable.people() && c.words.hasAny(roles):
		return plays
	case len(table) == 1 && !own && subject.abbreviates(table[0]):
		return abbreviates
	case len(subject) > 0 && len(table) > 1 && !own && subject.ends(table[len(table)-1:]):
		return abbreviates
	case len(subject) == 1 && len(table) == 1 && !own && c.words.isIdentifier() && isHead(subject[0], table[0]):
		return abbreviates
	}
	return differentBy
}

// people reports whether the rows of a table are people.
func (t *table) people() bool {
	first, last := false, false
	for _, c := range t.columns {
		w := strings.Join(c.words, "")
		first = first || slices.ContainsFunc(firstNames, func(name string) bool { return strings.HasSuffix(w, name) })
		last = last || slices.ContainsFunc(lastNames, func(name string) bool { return strings.HasSuffix(w, name) })
	}
	return first && last || t.words.hasAny(people)
}

// titleOfTables returns the words in the name of a table. If tables of several schemas of the database have the same name, they are those
// of the schema, too.
func titleOfTables(relations []imports.Relation) func(imports.Relation) string {
	plain := func(r imports.Relation) string { return strings.Join(wordsOf(r.Name.Name), " ") }
	same := newNames(relations, plain)
	return func(r imports.Relation) string {
		if r.Name.Schema == "" || same[schema.MatchName(plain(r))] == 1 {
			return plain(r)
		}
		return strings.Join(wordsOf(r.Name.Schema), " ") + " " + plain(r)
	}
}
