package keyset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"unsafe"
)

const (
	// listPage is the number of values in a page of a List.
	listPage = 1 << 10
	// listCache is the number of pages of a file that are in memory.
	listCache = 16
)

// List is a list of values without pointers. They are in memory, or in a file if the memory has no room for them. A List is
// for one goroutine.
//
// Only files can fail. After an error, which Err returns, all values are zero.
type List[E any] struct {
	space    Space
	reserved int64 // of space.Memory
	count    int
	pages    [][]E
	// file is set as soon as the values are in a file. pages is nil then, and cache has some of them.
	file  *os.File
	cache []cachedPage[E]
	err   error
}

// cachedPage is a page of a file. Its number counts from 1, and 0 is none.
type cachedPage[E any] struct {
	number int
	dirty  bool
	values []E
}

// NewList returns a list of n zero values.
func NewList[E any](space Space, n int) *List[E] {
	if kind := reflect.TypeFor[E](); hasPointers(kind) {
		panic(fmt.Sprintf("keyset: values of type %s contain pointers, which a file can't hold", kind))
	}
	l := &List[E]{space: space}
	l.Resize(n)
	return l
}

// Len returns the number of values. A nil list is empty.
func (l *List[E]) Len() int {
	if l == nil {
		return 0
	}
	return l.count
}

// Get returns a value.
func (l *List[E]) Get(i int) (value E) {
	if l.file == nil && l.err == nil {
		return l.pages[i/listPage][i%listPage]
	}
	if page := l.load(i); page != nil {
		return page.values[i%listPage]
	}
	return value
}

// Set replaces a value.
func (l *List[E]) Set(i int, value E) {
	if l.file == nil && l.err == nil {
		l.pages[i/listPage][i%listPage] = value
		return
	}
	if page := l.load(i); page != nil {
		page.values[i%listPage] = value
		page.dirty = true
	}
}

// Append adds a value at the end.
func (l *List[E]) Append(value E) {
	l.Resize(l.count + 1)
	l.Set(l.count-1, value)
}

// Pop removes the last value, and returns it.
func (l *List[E]) Pop() E {
	value := l.Get(l.count - 1)
	l.count--
	return value
}

// Resize shortens the list, or adds values at its end. Values that have not been in the list before are zero.
func (l *List[E]) Resize(n int) {
	for l.file == nil && l.err == nil && len(l.pages)*listPage < n {
		if l.space.Memory != nil {
			if err := l.space.Memory.Grow(l.pageBytes()); err != nil {
				l.spill()
				break
			}
			l.reserved += l.pageBytes()
		}
		l.pages = append(l.pages, make([]E, listPage))
	}
	l.count = n
}

// Err returns the first error of the list's file. A nil list has none.
func (l *List[E]) Err() error {
	if l == nil || l.err == nil {
		return nil
	}
	return fmt.Errorf("a list in a file: %w", l.err)
}

// Close returns the memory, and deletes the file. A nil list has none.
func (l *List[E]) Close() error {
	if l == nil {
		return nil
	}
	l.release()
	l.count, l.pages, l.cache = 0, nil, nil
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	return file.Close()
}

func (l *List[E]) pageBytes() int64 { return listPage * int64(unsafe.Sizeof(*new(E))) }

func (l *List[E]) release() {
	if l.space.Memory != nil {
		l.space.Memory.Shrink(l.reserved)
	}
	l.reserved = 0
}

// spill moves the values to a file.
func (l *List[E]) spill() {
	file, err := temporary(l.space.Dir)
	if err != nil {
		l.fail(err)
		return
	}
	l.file = file
	for _, page := range l.pages {
		if _, err := file.Write(bytesOf(page)); err != nil {
			l.fail(err)
			return
		}
	}
	l.pages, l.cache = nil, make([]cachedPage[E], listCache)
	l.release()
}

// load returns the page with a value of the file, or nil after an error.
func (l *List[E]) load(i int) *cachedPage[E] {
	if l.err != nil {
		return nil
	}
	number := i/listPage + 1
	page := &l.cache[number%listCache]
	if page.number == number {
		return page
	}
	if page.values == nil {
		page.values = make([]E, listPage)
	}
	if page.dirty {
		if _, err := l.file.WriteAt(bytesOf(page.values), int64(page.number-1)*l.pageBytes()); err != nil {
			l.fail(err)
			return nil
		}
	}
	n, err := l.file.ReadAt(bytesOf(page.values), int64(number-1)*l.pageBytes())
	if err != nil && !errors.Is(err, io.EOF) {
		l.fail(err)
		return nil
	}
	clear(bytesOf(page.values)[n:])
	page.number, page.dirty = number, false
	return page
}

func (l *List[E]) fail(err error) {
	l.err = err
}
