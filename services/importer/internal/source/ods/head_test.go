package ods_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/ods"
)

// budget is a Memory with a limit.
type budget struct{ used, limit int64 }

var errFull = errors.New("the budget is used up")

func (b *budget) Grow(n int64) error {
	if b.used+n > b.limit {
		return errFull
	}
	b.used += n
	return nil
}

func (b *budget) Shrink(n int64) { b.used -= n }

// TestFirstRowsReserveTheirMemory reads the first rows of a sheet that repeats a few cells many times.
func TestFirstRowsReserveTheirMemory(t *testing.T) {
	file := spreadsheet(t, "", sheet(`<table:table-row table:number-rows-repeated="50"><table:table-cell office:value-type="string" table:number-columns-repeated="10000"><text:p>`+
		strings.Repeat("h", 200)+`</text:p></table:table-cell></table:table-row>`))
	for _, limit := range []int64{32 << 20, 1 << 30} {
		memory := &budget{limit: limit}
		limits := source.DefaultLimits()
		limits.Memory = memory
		w, err := ods.Opener{}.Open(t.Context(), bytes.NewReader(file), int64(len(file)), limits)
		if err != nil {
			t.Fatal(err)
		}
		opened := memory.used
		name := w.Sheets()[0].Name
		head, err := source.Head(t.Context(), w, []string{name}, 50)
		if limit < 1<<30 {
			if !errors.Is(err, errFull) {
				t.Errorf("with %d bytes, Head returned %d rows and the error %v", limit, len(head[name]), err)
			}
		} else if need := int64(50 * 10_000 * 200); err != nil || memory.used-opened < need {
			t.Errorf("%d bytes are reserved for at least %d: %v", memory.used-opened, need, err)
		}
		source.FreeHead(w, head[name])
		if limit == 1<<30 && memory.used != opened {
			t.Errorf("%d bytes are reserved without rows, want %d", memory.used, opened)
		}
		if err := w.Close(); err != nil || memory.used != 0 {
			t.Errorf("%d bytes are reserved after Close: %v", memory.used, err)
		}
	}
}
