package check

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
)

// ancestors adds rows that only the database has to the graph of the deferred rows. A cycle can close through them. They are
// read in batches, from the references that lead to them.
type ancestors struct {
	sheet *Sheet
	graph *graph
	// nodes are the nodes of the database's rows, by key. It is nil if the table was empty.
	nodes *keyset.Set[int32]
	// open is a stack of references that are not resolved, each followed by its length. waiting is their number.
	open    *keyset.List[byte]
	waiting int
	buffer  []byte
}

// openReference is a reference whose target is not known.
type openReference struct {
	edge  int // in the targets of the graph
	self  int // in the self columns
	value imports.Value
}

// ancestor is a row that only the database has.
type ancestor struct {
	node int32
	key  []imports.Value
}

func (s *Sheet) newAncestors(g *graph) *ancestors {
	a := &ancestors{sheet: s, graph: g}
	if len(s.selfColumns) > 0 && !s.Database.WasEmpty() {
		a.nodes, a.open = keyset.New[int32](s.Space), keyset.NewList[byte](s.Space, 0)
	}
	return a
}

func (a *ancestors) close() error {
	return unavailable(errors.Join(a.nodes.Err(), a.nodes.Close(), a.open.Err(), a.open.Close()))
}

// follow sets an edge of the graph to the target of a value. Values that the file does not have are looked up later.
func (a *ancestors) follow(edge, self int, v imports.Value) {
	a.graph.targets.Set(edge, -1)
	if v.Kind == imports.Null {
		return
	}
	s := a.sheet
	s.buffer = s.appendValue(s.buffer[:0], v, s.selfColumns[self])
	keys := s.keysOf(s.parents[s.selfColumns[self]].column)
	switch entry := keys.Find(s.buffer); {
	case entry >= 0 && keys.Get(entry).state == Pending:
		a.graph.targets.Set(edge, int32(keys.Get(entry).cause)-1)
	case entry < 0 && a.nodes != nil:
		a.push(openReference{edge, self, v})
	}
}

func (a *ancestors) push(r openReference) {
	a.buffer = binary.LittleEndian.AppendUint32(a.buffer[:0], uint32(r.edge))
	a.buffer = binary.LittleEndian.AppendUint32(a.buffer, uint32(r.self))
	a.buffer = appendValue(a.buffer, r.value)
	a.buffer = binary.LittleEndian.AppendUint32(a.buffer, uint32(len(a.buffer)))
	for _, c := range a.buffer {
		a.open.Append(c)
	}
	a.waiting++
}

func (a *ancestors) pop() openReference {
	a.waiting--
	length := int(binary.LittleEndian.Uint32(a.popBytes(4)))
	record := a.popBytes(length)
	if a.open.Err() != nil {
		return openReference{}
	}
	v, _ := readValue(record[8:])
	return openReference{int(binary.LittleEndian.Uint32(record)), int(binary.LittleEndian.Uint32(record[4:])), v}
}

func (a *ancestors) popBytes(n int) []byte {
	some := make([]byte, n)
	for i := range some {
		some[n-1-i] = a.open.Pop()
	}
	return some
}

// finish resolves all open references, and those of the rows that they lead to.
func (a *ancestors) finish(ctx context.Context) error {
	for a.waiting > 0 {
		rows, err := a.resolve(ctx)
		if err != nil {
			return err
		}
		if err := a.read(ctx, rows); err != nil {
			return err
		}
		if err := errors.Join(unavailable(errors.Join(a.nodes.Err(), a.open.Err(), a.graph.targets.Err())), a.sheet.keyErr()); err != nil {
			return err
		}
	}
	return nil
}

// resolve looks up the rows of the database that some of the open references lead to. It returns those that are new.
func (a *ancestors) resolve(ctx context.Context) (rows []ancestor, err error) {
	s := a.sheet
	some := make([][]openReference, len(s.selfColumns))
	for n := 0; a.waiting > 0 && n < MaxBatchRows; n++ {
		r := a.pop()
		some[r.self] = append(some[r.self], r)
	}
	for self, references := range some {
		if len(references) == 0 {
			continue
		}
		column := s.parents[s.selfColumns[self]].column
		values := make([]imports.Value, len(references))
		for i := range references {
			values[i] = references[i].value
		}
		owners, err := s.Database.Owners(ctx, column, values)
		if err != nil {
			return nil, err
		}
		for i, owner := range owners {
			if owner == nil {
				continue
			}
			node, added := a.node(s.keysOf(column) != nil, owner)
			a.graph.targets.Set(references[i].edge, node)
			if added {
				rows = append(rows, ancestor{node, clonedKey(owner)})
			}
		}
	}
	return rows, nil
}

// node returns the node of a row of the database, and whether it was added. If the file has the row, it is that of its
// deferred row, or -1. replaces reports whether the file has the column of the reference: the value then no longer belongs
// to the row.
func (a *ancestors) node(replaces bool, owner []imports.Value) (node int32, added bool) {
	s := a.sheet
	key := s.ownerKey(owner)
	if entry := s.keys.Find(key); entry >= 0 {
		if replaces || s.keys.Get(entry).state != Pending {
			return -1, false
		}
		return int32(s.keys.Get(entry).cause) - 1, false
	}
	i, found := a.nodes.Add(key, int32(a.graph.nodes()))
	node = a.nodes.Get(i)
	if !found {
		for range a.graph.width {
			a.graph.targets.Append(-1)
		}
	}
	return node, !found
}

func clonedKey(owner []imports.Value) []imports.Value {
	key := make([]imports.Value, len(owner))
	for i, v := range owner {
		v.Bytes = bytes.Clone(v.Bytes)
		key[i] = v
	}
	return key
}

// read follows the references of rows of the database.
func (a *ancestors) read(ctx context.Context, rows []ancestor) error {
	if len(rows) == 0 {
		return nil
	}
	s := a.sheet
	asked := make([][]imports.Value, len(rows))
	for i, row := range rows {
		asked[i] = make([]imports.Value, len(s.Columns))
		for k, column := range s.key {
			asked[i][column] = row.key[k]
		}
	}
	existing, err := s.Database.Existing(ctx, asked)
	if err != nil {
		return err
	}
	for i, row := range existing {
		if row == nil {
			continue
		}
		for self, column := range s.selfColumns {
			a.follow(int(rows[i].node)*a.graph.width+self, self, row[column])
		}
	}
	return nil
}
