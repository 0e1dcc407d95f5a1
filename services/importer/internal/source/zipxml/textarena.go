package zipxml

import (
	"headway/services/importer/internal/source"
)

// TextArena holds text until the next row. It never moves text.
type TextArena struct {
	buf      []byte
	Memory   source.Memory
	reserved int64
	Err      error // of Memory
}

// largeText is the size above which a text arena reserves memory, and frees it before the next row.
const largeText = 1 << 20

// Reset forgets all text.
func (a *TextArena) Reset() {
	a.buf = a.buf[:0]
	if a.reserved > 0 {
		a.Memory.Shrink(a.reserved)
		a.buf, a.reserved = nil, 0
	}
}

// Keep copies b. It returns nil and sets Err if there is no memory for it.
func (a *TextArena) Keep(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if cap(a.buf)-len(a.buf) < len(b) {
		size := max(len(b), 2*cap(a.buf), 1024)
		if size > largeText {
			if a.Err = a.Memory.Grow(int64(size)); a.Err != nil {
				return nil
			}
			a.reserved += int64(size)
		}
		a.buf = make([]byte, 0, size)
	}
	at := len(a.buf)
	a.buf = append(a.buf, b...)
	return a.buf[at:len(a.buf):len(a.buf)]
}
