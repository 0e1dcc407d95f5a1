package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"

	"headway/services/importer/internal/imports"
)

// memorySpill is how many bytes of waiting rows are held in memory before a file takes them.
const memorySpill = 4 << 20

// pendingRows are rows that wait for the end of their sheet, because they refer to a row that has not come yet
// (a manager further down). They are set aside in the order in which they came.
type pendingRows struct {
	dir    string
	file   *os.File
	memory []byte // not in the file yet
	spilt  int64  // bytes in the file
	places []place
}

// place is where a row was set aside. Its record begins with whether the row is decided: rejected already, so that it
// is only to be found out what else is wrong with it.
type place struct {
	offset int64
	length uint32
	row    uint32
}

func newPendingRows(dir string) *pendingRows { return &pendingRows{dir: dir} }

func (p *pendingRows) len() int { return len(p.places) }

// add sets a row aside.
func (p *pendingRows) add(row int, values []imports.Value, decided bool) error {
	start := len(p.memory)
	p.memory = append(p.memory, 0)
	if decided {
		p.memory[start] = 1
	}
	for _, v := range values {
		p.memory = append(p.memory, byte(v.Kind))
		switch v.Kind {
		case imports.Integer:
			p.memory = binary.AppendVarint(p.memory, v.Int)
		case imports.Text:
			p.memory = binary.AppendUvarint(p.memory, uint64(len(v.Bytes)))
			p.memory = append(p.memory, v.Bytes...)
		}
	}
	p.places = append(p.places, place{offset: p.spilt + int64(start), length: uint32(len(p.memory) - start), row: uint32(row)})
	if len(p.memory) < memorySpill {
		return nil
	}
	return p.spill()
}

func (p *pendingRows) spill() error {
	if p.file == nil {
		file, err := os.CreateTemp(p.dir, "headway-pending-*")
		if err != nil {
			return fmt.Errorf("set rows aside: %w", err)
		}
		// The file has no name any more, so it goes with the process, however that ends.
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("set rows aside: %w", err)
		}
		p.file = file
	}
	n, err := p.file.Write(p.memory)
	p.spilt += int64(n)
	p.memory = p.memory[:0]
	if err != nil {
		return fmt.Errorf("set rows aside: %w", err)
	}
	return nil
}

// get appends the values of a row that was set aside to the batch.
func (p *pendingRows) get(b *batch, i, width int) error {
	at := p.places[i]
	var record []byte
	if at.offset >= p.spilt {
		start := int(at.offset - p.spilt)
		record = p.memory[start : start+int(at.length)]
	} else {
		record = make([]byte, at.length)
		if _, err := p.file.ReadAt(record, at.offset); err != nil {
			return fmt.Errorf("read rows that were set aside: %w", err)
		}
	}
	b.rows, b.decided = append(b.rows, int(at.row)), append(b.decided, record[0] == 1)
	record = record[1:]
	for range width {
		v := imports.Value{Kind: imports.ValueKind(record[0])}
		record = record[1:]
		switch v.Kind {
		case imports.Integer:
			n, size := binary.Varint(record)
			v.Int, record = n, record[size:]
		case imports.Text:
			length, size := binary.Uvarint(record)
			record = record[size:]
			v.Bytes, record = record[:length:length], record[length:]
		}
		b.values = append(b.values, v)
	}
	return nil
}

func (p *pendingRows) close() error {
	p.memory, p.places = nil, nil
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// replay decides on the rows that were set aside, those that are referred to before those that refer to them.
func (s *sheetRun) replay(ctx context.Context) error {
	if s.pending.len() == 0 {
		return nil
	}
	order, cyclic, err := s.arrange(ctx)
	if err != nil {
		return err
	}
	// A batch is written while the next one is decided on.
	batches := [2]*batch{newBatch(), newBatch()}
	written := make(chan error, 1)
	written <- nil
	defer s.pipeline.written()
	for turn := 0; len(order) > 0; turn++ {
		b := batches[turn%2]
		b.reset()
		n := min(batchRows, len(order))
		for _, i := range order[:n] {
			if err := s.pending.get(b, int(i), len(s.columns)); err != nil {
				return err
			}
			b.cyclic = append(b.cyclic, cyclic[i])
		}
		order = order[n:]
		if err := s.decide(ctx, b, true); err != nil {
			return err
		}
		if err := <-written; err != nil {
			return err
		}
		s.pipeline.writing.Go(func() { written <- s.write(ctx, b.write) })
		if err := s.recorder.tick(ctx); err != nil {
			return err
		}
		s.run.task.Progress.SheetMoves(s.spec.Name, s.counts.Read, s.counts.Read, s.counts)
	}
	return <-written
}

// arrange puts the rows that were set aside into an order in which no row comes before one that it refers to, and
// marks those that refer to each other in a circle.
func (s *sheetRun) arrange(ctx context.Context) (order []int32, cyclic []bool, err error) {
	n, width := s.pending.len(), len(s.selfColumns)
	targets := make([]int32, 0, n*width)
	b := newBatch()
	var buffer []byte
	for i := range n {
		if i%batchRows == 0 {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
		}
		b.reset()
		if err := s.pending.get(b, i, len(s.columns)); err != nil {
			return nil, nil, err
		}
		for _, column := range s.selfColumns {
			target := int32(-1)
			if v := b.values[column]; v.Kind != imports.Null {
				buffer = v.Append(buffer[:0])
				keys := s.keysOf(s.parents[column].column)
				if entry := keys.find(buffer); entry >= 0 && keys.at(entry).state == pending {
					target = int32(keys.at(entry).cause) - 1
				}
			}
			targets = append(targets, target)
		}
	}
	order, cyclic = components(n, width, targets)
	return order, cyclic, nil
}

// components orders a graph of n nodes, each with `width` targets (-1 for none), so that targets come first, and tells
// which nodes lie on a circle (Tarjan's strongly connected components, without recursion).
func components(n, width int, targets []int32) (order []int32, cyclic []bool) {
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
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				parent := frames[len(frames)-1].node
				low[parent] = min(low[parent], low[v])
			}
		}
	}
	return order, cyclic
}
