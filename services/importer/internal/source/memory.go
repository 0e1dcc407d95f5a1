package source

import (
	"unicode/utf8"
)

// Memory is a share of a memory budget. A workbook reserves memory before it grows, and returns the memory when it is
// closed.
type Memory interface {
	// Grow reserves bytes, or returns an error without waiting.
	Grow(bytes int64) error
	// Shrink returns bytes.
	Shrink(bytes int64)
}

// Unlimited is a Memory without a limit.
type Unlimited struct{}

// Grow returns nil.
func (Unlimited) Grow(int64) error { return nil }

// Shrink does nothing.
func (Unlimited) Shrink(int64) {}

// MaxTextLength is the maximum length of a cell's text in Excel, in UTF-16 units.
const MaxTextLength = 32_767

// keptOfLongText is the number of bytes that are kept of a longer text, so that a message can quote its beginning.
const keptOfLongText = 1000

// LimitText returns the text, and whether it is longer than MaxTextLength. If it is, LimitText returns only its
// beginning, followed by "…".
func LimitText(text []byte) (kept []byte, tooLong bool) {
	if len(text) <= MaxTextLength {
		return text, false
	}
	length := 0
	for rest := text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		if length++; r > 0xffff {
			length++
		}
		if length > MaxTextLength {
			end := keptOfLongText
			for !utf8.RuneStart(text[end]) {
				end--
			}
			return append(text[:end:end], "…"...), true
		}
	}
	return text, false
}
