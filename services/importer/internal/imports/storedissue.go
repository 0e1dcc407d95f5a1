package imports

import (
	"encoding/json"
	"strings"

	"headway/internal/messages"
)

// StoredText returns the message as it is stored, next to the English text that earlier versions read. It is empty for an issue of an
// earlier version.
func (is *Issue) StoredText() (string, error) {
	if is.Says.IsZero() {
		return "", nil
	}
	text, err := json.Marshal(is.Says)
	return string(text), err
}

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// SetStoredText sets the message from the database.
func (is *Issue) SetStoredText(text string) error {
	is.Says = messages.Message{}
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), &is.Says)
}

// Folded returns what is searched next to the English message: the cell, the value, and the message in other languages, in lower case. It has
// the English message, too, if the database can't fold it, because it has capitals other than A to Z.
func (is *Issue) Folded() string {
	folded := is.Cell + "\n" + is.Value
	if strings.ToLower(is.Message) != strings.Map(lowerASCII, is.Message) {
		folded += "\n" + is.Message
	}
	for _, l := range messages.Languages() {
		if l != messages.English && !is.Says.IsZero() {
			folded += "\n" + is.Says.In(l)
		}
	}
	return strings.ToLower(folded)
}
