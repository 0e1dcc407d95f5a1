package keyset_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/services/importer/internal/keyset"
)

// limited is a Memory with a limit.
type limited struct{ free int64 }

func (l *limited) Grow(bytes int64) error {
	if bytes > l.free {
		return errors.New("no memory left")
	}
	l.free -= bytes
	return nil
}

func (l *limited) Shrink(bytes int64) { l.free += bytes }

// number is an entry.
type number struct {
	row  uint32
	kind uint8
}

// TestSetHoldsEachKeyOnce compares sets in memory, and sets that move to a file early or late, with a map.
func TestSetHoldsEachKeyOnce(t *testing.T) {
	for _, size := range []int64{0, 10 << 10, 700 << 10, 3 << 20, 1 << 40} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			memory, dir := &limited{free: size}, t.TempDir()
			set := keyset.New[number](keyset.Space{Memory: memory, Dir: dir})
			random := rand.New(rand.NewPCG(1, uint64(size)))
			want := map[string]number{}
			indexes := map[string]int{}
			for i := range 120_000 {
				key := fmt.Sprintf("%x", random.Uint32N(90_000))
				if i%50 == 0 {
					key += strings.Repeat("long", 40)
				}
				value := number{row: uint32(i), kind: uint8(i)}
				_, known := want[key]
				index, found := set.Add([]byte(key), value)
				if found != known || known && index != indexes[key] {
					t.Fatalf("%q: index %d, found %v, want %d, %v", key, index, found, indexes[key], known)
				}
				if !known {
					want[key], indexes[key] = value, index
				}
				if i%7 == 0 {
					value.row += 1_000_000
					set.Put(index, value)
					want[key] = value
				}
				if i%11 == 0 && set.Find([]byte("missing"+key)) >= 0 {
					t.Fatalf("%q is not in the set", "missing"+key)
				}
			}
			if set.Len() != len(want) {
				t.Errorf("%d keys, want %d", set.Len(), len(want))
			}
			for key, value := range want {
				if index := set.Find([]byte(key)); index != indexes[key] || set.Get(index) != value {
					t.Fatalf("%q: index %d, %+v, want %d, %+v", key, index, set.Get(index), indexes[key], value)
				}
			}
			if err := errors.Join(set.Err(), set.Close()); err != nil {
				t.Error(err)
			}
			if memory.free != size {
				t.Errorf("%d bytes were not returned", size-memory.free)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("files are left: %v", left)
			}
		})
	}
}

func TestSetWithoutRoomReturnsItsError(t *testing.T) {
	dir := t.TempDir()
	set := keyset.New[number](keyset.Space{Memory: &limited{free: 10 << 10}, Dir: filepath.Join(dir, "missing")})
	for i := range 3000 {
		index, _ := set.Add(fmt.Append(nil, i), number{row: uint32(i)})
		set.Put(index, set.Get(index))
		set.Find(fmt.Append(nil, i))
	}
	if err := set.Err(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
}

func TestNilSetIsEmpty(t *testing.T) {
	var set *keyset.Set[number]
	if set.Find([]byte("x")) >= 0 || set.Err() != nil || set.Close() != nil {
		t.Error("the nil set is not empty")
	}
}

func TestEntriesWithPointersAreRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a set with pointers was made")
		}
	}()
	keyset.New[struct{ text string }](keyset.Space{})
}

func BenchmarkAdd(b *testing.B) {
	for name, space := range map[string]keyset.Space{"memory": {}, "file": {Memory: &limited{}, Dir: b.TempDir()}} {
		b.Run(name, func(b *testing.B) {
			set := keyset.New[number](space)
			key := []byte("some key 00000000")
			for i := range b.N {
				for n, at := i, len(key)-1; n > 0; n, at = n>>4, at-1 {
					key[at] = "0123456789abcdef"[n&15]
				}
				index, _ := set.Add(key, number{})
				set.Put(index, number{row: uint32(i)})
			}
			if err := errors.Join(set.Err(), set.Close()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
