package check

// components orders a graph of n nodes, each with `width` targets (-1 for none), so that targets come first. Nodes that
// reach each other are adjacent in the order. ends has the position after the last node of each such component. cyclic
// reports which nodes are in a cycle (Tarjan's strongly connected components, without recursion).
func components(n, width int, targets []int32) (order, ends []int32, cyclic []bool) {
	index := make([]int32, n) // when a node was first seen, from 1
	low := make([]int32, n)
	onStack := make([]bool, n)
	cyclic = make([]bool, n)
	order = make([]int32, 0, n)
	type frame struct{ node, edge int32 }
	var stack []int32
	var frames []frame
	seen := int32(0)
	for root := range n {
		if index[root] != 0 {
			continue
		}
		frames = append(frames[:0], frame{node: int32(root)})
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			v := f.node
			if f.edge == 0 {
				seen++
				index[v], low[v], onStack[v] = seen, seen, true
				stack = append(stack, v)
			}
			descended := false
			for int(f.edge) < width {
				w := targets[int(v)*width+int(f.edge)]
				f.edge++
				if w < 0 {
					continue
				}
				if w == v {
					cyclic[v] = true
				}
				if index[w] == 0 {
					frames = append(frames, frame{node: w})
					descended = true
					break
				}
				if onStack[w] {
					low[v] = min(low[v], index[w])
				}
			}
			if descended {
				continue
			}
			if low[v] == index[v] {
				first := len(order)
				for {
					w := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					onStack[w] = false
					order = append(order, w)
					if w == v {
						break
					}
				}
				if len(order)-first > 1 {
					for _, w := range order[first:] {
						cyclic[w] = true
					}
				}
				ends = append(ends, int32(len(order)))
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				parent := frames[len(frames)-1].node
				low[parent] = min(low[parent], low[v])
			}
		}
	}
	return order, ends, cyclic
}
