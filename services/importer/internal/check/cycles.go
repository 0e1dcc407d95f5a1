package check

import (
	"errors"

	"headway/services/importer/internal/keyset"
)

// graph is a graph of deferred rows and others. Each node has `width` targets, or -1.
type graph struct {
	width   int
	targets *keyset.List[int32]
}

func (g *graph) nodes() int { return g.targets.Len() / max(g.width, 1) }

// components are the nodes of a graph, in an order in which targets come first. Nodes that reach each other are adjacent.
type components struct {
	order *keyset.List[int32]
	// ends has the position in order after the last node of each component.
	ends *keyset.List[int32]
	// cyclic reports which nodes are in a cycle.
	cyclic *keyset.List[bool]
}

func (c *components) close() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.order.Err(), c.ends.Err(), c.cyclic.Err(), c.order.Close(), c.ends.Close(), c.cyclic.Close())
}

// search is a search for components (Tarjan's strongly connected components, without recursion).
type search struct {
	graph *graph
	found *components
	// index is when a node was first seen, from 1. low is the lowest index that it reaches.
	index, low *keyset.List[int32]
	onStack    *keyset.List[bool]
	stack      *keyset.List[int32]
	path       *keyset.List[step]
	seen       int32
}

// step is a node on the path of the search, with its next target.
type step struct{ node, next int32 }

// findComponents returns the components of a graph with n nodes. Lists of the graph that are in a file can fail, and so can
// those of the search.
func findComponents(space keyset.Space, n int, g *graph) (found *components, err error) {
	found = &components{order: keyset.NewList[int32](space, 0), ends: keyset.NewList[int32](space, 0), cyclic: keyset.NewList[bool](space, n)}
	s := &search{graph: g, found: found, index: keyset.NewList[int32](space, n), low: keyset.NewList[int32](space, n),
		onStack: keyset.NewList[bool](space, n), stack: keyset.NewList[int32](space, 0), path: keyset.NewList[step](space, 0)}
	defer func() { err = unavailable(errors.Join(err, s.close())) }()
	for root := range n {
		if s.index.Get(root) != 0 {
			continue
		}
		s.enter(int32(root))
		for s.path.Len() > 0 {
			if err := s.err(); err != nil {
				return found, err
			}
			s.advance()
		}
	}
	return found, s.err()
}

func (s *search) err() error {
	return errors.Join(s.graph.targets.Err(), s.index.Err(), s.low.Err(), s.onStack.Err(), s.stack.Err(), s.path.Err(),
		s.found.order.Err(), s.found.ends.Err(), s.found.cyclic.Err())
}

func (s *search) close() error {
	return errors.Join(s.index.Close(), s.low.Close(), s.onStack.Close(), s.stack.Close(), s.path.Close())
}

// enter goes to a node that has not been seen.
func (s *search) enter(node int32) {
	s.seen++
	s.index.Set(int(node), s.seen)
	s.low.Set(int(node), s.seen)
	s.onStack.Set(int(node), true)
	s.stack.Append(node)
	s.path.Append(step{node: node})
}

// advance goes to the next target of the last node of the path, or leaves the node.
func (s *search) advance() {
	last := s.path.Len() - 1
	at := s.path.Get(last)
	for int(at.next) < s.graph.width {
		target := s.graph.targets.Get(int(at.node)*s.graph.width + int(at.next))
		at.next++
		if target < 0 {
			continue
		}
		if target == at.node {
			s.found.cyclic.Set(int(target), true)
		}
		if s.index.Get(int(target)) == 0 {
			s.path.Set(last, at)
			s.enter(target)
			return
		}
		if s.onStack.Get(int(target)) {
			s.reaches(at.node, s.index.Get(int(target)))
		}
	}
	s.path.Pop()
	low := s.low.Get(int(at.node))
	if low == s.index.Get(int(at.node)) {
		s.complete(at.node)
	}
	if last > 0 {
		s.reaches(s.path.Get(last-1).node, low)
	}
}

func (s *search) reaches(node, index int32) {
	if index < s.low.Get(int(node)) {
		s.low.Set(int(node), index)
	}
}

// complete moves a component from the stack to the order. node was its first one.
func (s *search) complete(node int32) {
	first := s.found.order.Len()
	for s.stack.Len() > 0 {
		member := s.stack.Pop()
		s.onStack.Set(int(member), false)
		s.found.order.Append(member)
		if member == node {
			break
		}
	}
	if end := s.found.order.Len(); end-first > 1 {
		for i := first; i < end; i++ {
			s.found.cyclic.Set(int(s.found.order.Get(i)), true)
		}
	}
	s.found.ends.Append(int32(s.found.order.Len()))
}
