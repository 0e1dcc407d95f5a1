package csv

import (
	"bytes"
	"unicode/utf8"

	"headway/services/importer/internal/source"
)

// isTable reports whether the first bytes of a file are text that can have rows.
func isTable(head []byte) bool {
	text := head
	switch {
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")), wideEncoding(head) != "":
		text = narrow(head)
	default:
		text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	}
	high := 0
	for _, c := range text {
		switch {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x01 && c != 0x1F, c == 0x7F:
			return false
		case c >= utf8.RuneSelf:
			high++
		}
	}
	if text = bytes.ToLower(bytes.TrimSpace(text)); len(text) == 0 {
		return false
	}
	for _, other := range []string{"<!doctype", "<html", "<head", "<body", "<meta", "<script", "<!--", "<?xml", "<table", "mime-version:", "%pdf-"} {
		if bytes.HasPrefix(text, []byte(other)) {
			return false
		}
	}
	return !source.IsJSON(text) && !bytes.Contains(text, []byte("<table")) && !isNoise(head, high) && !isProse(text)
}

// isProse recognizes text in full lines: five words or more in each, few commas, and nothing else that separates columns.
func isProse(text []byte) bool {
	if bytes.ContainsAny(text, ";|\t\"") {
		return false
	}
	lines := 1 + bytes.Count(text, []byte{'\n'})
	words, commas := len(bytes.Fields(text)), bytes.Count(text, []byte{','})
	return words >= 5*lines && commas*3 < words
}

// isNoise reports whether bytes are probably not text in any encoding: most are not ASCII, and there are no lines.
func isNoise(head []byte, high int) bool {
	return high*4 > len(head)*3 && !validUTF8(head, false) && bytes.IndexByte(head, '\n') < 0
}

// narrow returns the bytes of UTF-16 that are not zero.
func narrow(head []byte) []byte {
	head = bytes.TrimPrefix(bytes.TrimPrefix(head, []byte("\xFF\xFE")), []byte("\xFE\xFF"))
	text := make([]byte, 0, len(head))
	for _, c := range head {
		if c != 0 && c < utf8.RuneSelf && c >= ' ' || c == '\n' {
			text = append(text, c)
		}
	}
	return text
}
