package xlsx

import (
	"headway/services/importer/internal/source"
)

// textArena holds text until the next row. It never moves text.
type textArena struct {
	buf      []byte
	memory   source.Memory
	reserved int64
	err      error // of memory
}

// largeText is the size above which a text arena reserves memory, and frees it before the next row.
const largeText = 1 << 20

func (a *textArena) reset() {
	a.buf = a.buf[:0]
	if a.reserved > 0 {
		a.memory.Shrink(a.reserved)
		a.buf, a.reserved = nil, 0
	}
}

// keep copies b.
func (a *textArena) keep(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if cap(a.buf)-len(a.buf) < len(b) {
		size := max(len(b), 2*cap(a.buf), 1024)
		if size > largeText {
			if a.err = a.memory.Grow(int64(size)); a.err != nil {
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
