package upload

import (
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// fileName returns a file's name as a user would read it, without the folder. Programs send names in UTF-8, in Latin-1, or as
// encoded words (RFC 2047).
func fileName(name string) string {
	if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
		name = decoded
	}
	name = readableName(name)
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// readableName returns a name as UTF-8 text. A name that is not UTF-8 is read as Windows-1252, which contains Latin-1.
func readableName(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	decoded, err := charmap.Windows1252.NewDecoder().String(name)
	if err != nil {
		return strings.ToValidUTF8(name, "\uFFFD")
	}
	return decoded
}

// misspelled returns the option that a field's name probably means, or "". Other fields belong to the client.
func misspelled(name string) string {
	for _, option := range optionNames {
		if len(name) >= 4 && distance(strings.ToLower(name), option) <= len(option)/3 {
			return option
		}
	}
	return ""
}

// distance returns the number of characters to insert, delete, or replace between two texts.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
