package xlsx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"headway/services/importer/internal/source"
)

// Shared strings are stored in chunks, so that growth never copies them. Each has one word in an index: 20 bits of
// length, a bit for a string that was too long, 21 bits of offset, and 22 bits of the chunk. Chunks and index pages for
// which the memory budget has no room are written to a file.
const (
	chunkBytes = 1 << 20
	indexPage  = 1 << 16
	tooLongBit = 1 << 20
)

// arena stores many strings, numbered from 0.
type arena struct {
	chunk  int      // size of a chunk, at most chunkBytes
	chunks [][]byte // nil where a chunk is in the file
	index  [][]uint64
	n      int
	bytes  int64 // text

	memory   source.Memory
	reserved int64 // bytes of memory
	spillDir string
	file     *os.File
	size     int64   // bytes of the file
	chunkAt  []int64 // offsets of chunks in the file
	indexAt  []int64 // offsets of index pages in the file
}

// add appends a string of at most source.MaxTextLength characters.
func (a *arena) add(s []byte, tooLong bool) error {
	last := len(a.chunks) - 1
	if last < 0 || cap(a.chunks[last])-len(a.chunks[last]) < len(s) {
		if err := a.addChunk(max(a.chunk, len(s))); err != nil {
			return err
		}
		last++
	}
	at := len(a.chunks[last])
	a.chunks[last] = append(a.chunks[last], s...)
	page := a.n / indexPage
	if a.n%indexPage == 0 {
		if err := a.addPage(); err != nil {
			return err
		}
	}
	word := uint64(len(s)) | uint64(at)<<21 | uint64(last)<<42
	if tooLong {
		word |= tooLongBit
	}
	a.index[page] = append(a.index[page], word)
	a.n++
	a.bytes += int64(len(s))
	return nil
}

// addChunk begins a chunk. If there is no memory for it, the previous chunk is written to the file.
func (a *arena) addChunk(size int) error {
	last := len(a.chunks) - 1
	buffer := []byte(nil)
	if !a.grow(int64(size)) && last >= 0 {
		offset, err := a.spill(a.chunks[last])
		if err != nil {
			return err
		}
		a.chunkAt[last] = offset
		buffer, a.chunks[last] = a.chunks[last][:0], nil
	}
	if cap(buffer) < size {
		buffer = make([]byte, 0, size)
	}
	a.chunks, a.chunkAt = append(a.chunks, buffer), append(a.chunkAt, 0)
	return nil
}

// addPage begins a page of the index. If there is no memory for it, the previous page is written to the file.
func (a *arena) addPage() error {
	last := len(a.index) - 1
	if last < 0 { // the first page grows as needed, because most tables are small
		a.index, a.indexAt = append(a.index, nil), append(a.indexAt, 0)
		return nil
	}
	var buffer []uint64
	if !a.grow(8 * indexPage) {
		page := make([]byte, 0, 8*indexPage)
		for _, word := range a.index[last] {
			page = binary.LittleEndian.AppendUint64(page, word)
		}
		offset, err := a.spill(page)
		if err != nil {
			return err
		}
		a.indexAt[last] = offset
		buffer, a.index[last] = a.index[last][:0], nil
	} else {
		buffer = make([]uint64, 0, indexPage)
	}
	a.index, a.indexAt = append(a.index, buffer), append(a.indexAt, 0)
	return nil
}

// grow reserves memory. The first chunk needs no reservation.
func (a *arena) grow(bytes int64) bool {
	if a.memory.Grow(bytes) != nil {
		return false
	}
	a.reserved += bytes
	return true
}

func (a *arena) spill(data []byte) (offset int64, err error) {
	if a.file == nil {
		file, err := os.CreateTemp(a.spillDir, "headway-strings-*")
		if err != nil {
			return 0, fmt.Errorf("spill shared strings: %w", err)
		}
		a.file = file
		// Without a name, the file disappears when the process ends, even if it crashes.
		if err := os.Remove(file.Name()); err != nil {
			return 0, fmt.Errorf("spill shared strings: %w", err)
		}
	}
	if _, err := a.file.Write(data); err != nil {
		return 0, fmt.Errorf("spill shared strings: %w", err)
	}
	offset = a.size
	a.size += int64(len(data))
	return offset, nil
}

// at returns string i, which must be less than n. It returns false if the string is in the file.
func (a *arena) at(i int) (text []byte, tooLong, ok bool) {
	page := a.index[i/indexPage]
	if page == nil {
		return nil, false, false
	}
	word := page[i%indexPage]
	length, at := word&(tooLongBit-1), word>>21&(1<<21-1)
	chunk := a.chunks[word>>42]
	if chunk == nil {
		return nil, false, false
	}
	return chunk[at : at+length : at+length], word&tooLongBit != 0, true
}

// read returns string i, which must be less than n, from the file.
func (a *arena) read(i int) (text []byte, tooLong bool, err error) {
	var word uint64
	if page := a.index[i/indexPage]; page != nil {
		word = page[i%indexPage]
	} else {
		var eight [8]byte
		if err := a.readAt(eight[:], a.indexAt[i/indexPage]+int64(i%indexPage)*8); err != nil {
			return nil, false, err
		}
		word = binary.LittleEndian.Uint64(eight[:])
	}
	length, at, chunk := word&(tooLongBit-1), word>>21&(1<<21-1), word>>42
	if memory := a.chunks[chunk]; memory != nil {
		return memory[at : at+length : at+length], word&tooLongBit != 0, nil
	}
	text = make([]byte, length)
	if err := a.readAt(text, a.chunkAt[chunk]+int64(at)); err != nil {
		return nil, false, err
	}
	return text, word&tooLongBit != 0, nil
}

func (a *arena) readAt(p []byte, offset int64) error {
	if n, err := a.file.ReadAt(p, offset); n < len(p) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read shared strings: %w", err)
	}
	return nil
}

// close releases the memory and the file.
func (a *arena) close() error {
	a.memory.Shrink(a.reserved)
	a.reserved, a.chunks, a.index = 0, nil, nil
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}
