package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Fingerprint identifies a request: it is equal for specs that describe the same job. It is stored, so it must not
// change between versions. It has only fields that are set, by name, so that new fields don't change it.
func (s Spec) Fingerprint() []byte {
	h := sha256.New()
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(h, "%s %d:%s\n", name, len(value), value)
		}
	}
	number := func(name string, value float64) {
		if value != 0 {
			field(name, strconv.FormatFloat(value, 'g', -1, 64))
		}
	}
	field("id", s.ID)
	field("kind", s.Kind)
	field("owner", s.Owner)
	field("title", s.Title)
	field("payload", canonical(s.Payload))
	for i, step := range s.Steps {
		name := "step " + strconv.Itoa(i)
		field(name, step.Name)
		field(name+" title", step.Title)
		field(name+" group", step.Group)
		field(name+" unit", step.Unit)
		number(name+" weight", step.Weight)
		number(name+" total", step.Total)
	}
	field("request_id", s.RequestID)
	number("priority", float64(s.Priority))
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		field("label "+strconv.Quote(name), s.Labels[name])
	}
	field("limit", s.Limit.Key)
	number("limit max_active", float64(s.Limit.MaxActive))
	number("limit interval", s.Limit.Interval.Seconds())
	number("max_attempts", float64(s.MaxAttempts))
	number("backoff", s.Backoff.Seconds())
	number("max_backoff", s.MaxBackoff.Seconds())
	if at := Instant(s.NotBefore); !at.IsZero() {
		field("not_before", strconv.FormatInt(at.UnixMicro(), 10))
	}
	if at := Instant(s.Deadline); !at.IsZero() {
		field("deadline", strconv.FormatInt(at.UnixMicro(), 10))
	}
	return h.Sum(nil)
}

// canonical returns the document with sorted keys and without spaces. It doesn't change numbers.
func canonical(document json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if len(document) == 0 || decoder.Decode(&value) != nil {
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
