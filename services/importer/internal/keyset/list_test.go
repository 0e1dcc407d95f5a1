package keyset_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"headway/services/importer/internal/keyset"
)

// TestListHoldsValuesInMemoryAndFile compares a list with a slice, whose operations are random, while the memory runs out.
func TestListHoldsValuesInMemoryAndFile(t *testing.T) {
	for _, memory := range []int64{0, 20_000, 200_000, 100 << 20} {
		random := rand.New(rand.NewPCG(1, uint64(memory)))
		room := &limited{free: memory}
		list := keyset.NewList[int32](keyset.Space{Memory: room, Dir: t.TempDir()}, 3000)
		want := make([]int32, 3000)
		for step := range 60_000 {
			switch at := random.IntN(len(want)); random.IntN(8) {
			case 0, 1, 2:
				list.Append(int32(step))
				want = append(want, int32(step))
			case 3:
				last := list.Pop()
				if last != want[len(want)-1] {
					t.Fatalf("%d bytes: popped %d, want %d", memory, last, want[len(want)-1])
				}
				want = want[:len(want)-1]
			case 4, 5:
				list.Set(at, int32(-step))
				want[at] = int32(-step)
			default:
				if got := list.Get(at); got != want[at] {
					t.Fatalf("%d bytes: value %d is %d, want %d", memory, at, got, want[at])
				}
			}
		}
		for i, value := range want {
			if got := list.Get(i); got != value {
				t.Fatalf("%d bytes: value %d is %d, want %d", memory, i, got, value)
			}
		}
		if list.Len() != len(want) || list.Err() != nil {
			t.Errorf("%d values, want %d; %v", list.Len(), len(want), list.Err())
		}
		if err := list.Close(); err != nil || room.free != memory {
			t.Errorf("%d of %d bytes are left: %v", room.free, memory, err)
		}
	}
}

func TestListReportsThatItsFileFails(t *testing.T) {
	list := keyset.NewList[int64](keyset.Space{Memory: &limited{}, Dir: t.TempDir() + string(os.PathSeparator) + "missing"}, 10)
	list.Append(7)
	list.Set(3, 1)
	if list.Get(3) != 0 || list.Err() == nil {
		t.Errorf("got %d, %v", list.Get(3), list.Err())
	}
	if err := list.Close(); err != nil {
		t.Error(err)
	}
}
