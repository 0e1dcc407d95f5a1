package check

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"headway/services/importer/internal/keyset"
)

// refusing is a memory without room, so that all lists are in files.
type refusing struct{}

func (refusing) Grow(int64) error { return errors.New("no room") }
func (refusing) Shrink(int64)     {}

// TestComponentsOfRandomGraphs checks the order and the cycles of graphs against their definition: a node is in a cycle if it
// reaches itself.
func TestComponentsOfRandomGraphs(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		n, width := 1+random.IntN(30), 1+random.IntN(3)
		space := keyset.Space{Dir: t.TempDir()}
		if seed%3 == 0 {
			space.Memory = refusing{}
		}
		g := &graph{width: width, targets: keyset.NewList[int32](space, 0)}
		for range n * width {
			g.targets.Append(int32(random.IntN(2*n)) - int32(n))
			if last := g.targets.Len() - 1; g.targets.Get(last) < 0 {
				g.targets.Set(last, -1)
			}
		}
		reaches := reachable(g, n)
		found, err := findComponents(space, n, g)
		if err != nil {
			t.Fatal(err)
		}
		at := map[int]int{}
		for i := range n {
			at[int(found.order.Get(i))] = i
		}
		if len(at) != n || found.order.Len() != n {
			t.Fatalf("seed %d: the order has %d of %d nodes", seed, len(at), n)
		}
		for from := range n {
			if got := found.cyclic.Get(from); got != reaches[from][from] {
				t.Errorf("seed %d: node %d is in a cycle: %t", seed, from, got)
			}
			for to := range n {
				if reaches[from][to] && !reaches[to][from] && at[to] > at[from] {
					t.Errorf("seed %d: node %d comes before its target %d", seed, from, to)
				}
			}
		}
		if err := errors.Join(found.close(), g.targets.Close()); err != nil {
			t.Error(err)
		}
	}
}

func reachable(g *graph, n int) [][]bool {
	reaches := make([][]bool, n)
	for from := range n {
		reaches[from] = make([]bool, n)
		for open := []int{from}; len(open) > 0; open = open[1:] {
			for k := range g.width {
				if to := g.targets.Get(open[0]*g.width + k); to >= 0 && !reaches[from][to] {
					reaches[from][to] = true
					open = append(open, int(to))
				}
			}
		}
	}
	return reaches
}

// TestLongChainIsSearchedInFiles has a chain of nodes whose lists are all in files.
func TestLongChainIsSearchedInFiles(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprint(closed), func(t *testing.T) {
			const n = 50_000
			space := keyset.Space{Memory: refusing{}, Dir: t.TempDir()}
			g := &graph{width: 1, targets: keyset.NewList[int32](space, 0)}
			for i := range int32(n) {
				g.targets.Append(i + 1)
			}
			g.targets.Set(n-1, -1)
			if closed {
				g.targets.Set(n-1, 0)
			}
			found, err := findComponents(space, n, g)
			if err != nil {
				t.Fatal(err)
			}
			if found.order.Get(0) != n-1 || found.cyclic.Get(n/2) != closed {
				t.Errorf("the first node is %d, and node %d is in a cycle: %t", found.order.Get(0), n/2, found.cyclic.Get(n/2))
			}
			if err := errors.Join(found.close(), g.targets.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}
