package xlsx

// Shared strings lie in chunks, so that growing never copies, and each is
// found by one packed word: 21 bits of length, 21 of offset, 22 of chunk.
const (
	chunkBytes     = 1 << 20
	arenaMaxString = 1 << 20
	arenaMaxBytes  = 1 << 39
	indexChunk     = 1 << 16
)

// arena holds many strings compactly, numbered from 0.
type arena struct {
	chunk  int // bytes of a chunk, at most chunkBytes
	chunks [][]byte
	index  [][]uint64
	n      int
	bytes  int64 // text
}

// add appends a string of at most arenaMaxString bytes.
func (a *arena) add(s []byte) {
	last := len(a.chunks) - 1
	if last < 0 || cap(a.chunks[last])-len(a.chunks[last]) < len(s) {
		a.chunks = append(a.chunks, make([]byte, 0, max(a.chunk, len(s))))
		last++
	}
	at := len(a.chunks[last])
	a.chunks[last] = append(a.chunks[last], s...)
	page := a.n / indexChunk
	switch {
	case a.n == 0: // grows by itself: most tables are small
		a.index = append(a.index, nil)
	case a.n%indexChunk == 0:
		a.index = append(a.index, make([]uint64, 0, indexChunk))
	}
	a.index[page] = append(a.index[page], uint64(len(s))|uint64(at)<<21|uint64(last)<<42)
	a.n++
	a.bytes += int64(len(s))
}

// at returns string i, which must be below n.
func (a *arena) at(i int) []byte {
	word := a.index[i/indexChunk][i%indexChunk]
	length, at := word&(1<<21-1), word>>21&(1<<21-1)
	return a.chunks[word>>42][at : at+length : at+length]
}
