package postgres

import "strings"

// encoding replaces the character NUL, which PostgreSQL can't store, so that different texts stay different.
var (
	encoding = strings.NewReplacer("\x00", "\x1a0", "\x1a", "\x1a1")
	decoding = strings.NewReplacer("\x1a0", "\x00", "\x1a1", "\x1a")
)

// encode returns a text as it is stored. Bytes that are not UTF-8 are replaced.
func encode(text string) string { return encoding.Replace(strings.ToValidUTF8(text, "\ufffd")) }

// decode returns the text of a stored one.
func decode(stored string) string { return decoding.Replace(stored) }
