package csv

import (
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

func TestLineOfDelimitersUsesNoMemory(t *testing.T) {
	line := strings.Repeat(";", 1<<20)
	s := newScanner(strings.NewReader(line), dialect{delimiter: ';'}, 1<<21, 1<<21, func(int) error { return nil })
	s.maxFields = 1000
	if _, err := s.next(); source.ReasonOf(err) != source.LimitExceeded {
		t.Errorf("got %v", err)
	}
	if n := cap(s.rec.fields); n > 2000 {
		t.Errorf("room for %d fields was allocated", n)
	}
}
