package check

import (
	"bytes"
	"context"
	"errors"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
)

// maxAncestors limits the number of database rows that a search for cycles reads.
const maxAncestors = 200_000

// ancestors are the rows of the database that deferred rows refer to, directly or through others. They are nodes of the
// graph of the deferred rows, so that a cycle through them is found.
type ancestors struct {
	sheet *Sheet
	// targets is the graph: the targets of each node, by self column.
	targets []int32
	// nodes are the nodes of the database's rows, by key. rows are those whose references are not known.
	nodes *keyset.Set[int32]
	rows  []ancestor
	// edges are the references that are not resolved, by self column.
	edges [][]outsideTarget
}

type ancestor struct {
	node int32
	key  []imports.Value
}

// outsideTarget is a reference to a value that no row of the file has.
type outsideTarget struct {
	edge  int // index in the targets
	value imports.Value
}

// cloned returns a value with its own memory.
func cloned(v imports.Value) imports.Value {
	v.Bytes = bytes.Clone(v.Bytes)
	return v
}

// addAncestors adds the rows of the database to a graph of targets. outside has the references that leave the file, by self
// column. addAncestors returns the graph and the number of its nodes.
func (s *Sheet) addAncestors(ctx context.Context, targets []int32, outside [][]outsideTarget) (graph []int32, nodes int, err error) {
	n, width := s.deferred.len(), len(s.selfColumns)
	if width == 0 || s.Database.WasEmpty() {
		return targets, n, nil
	}
	a := &ancestors{sheet: s, targets: targets, nodes: keyset.New[int32](s.Space), edges: outside}
	defer func() { err = errors.Join(err, unavailable(a.nodes.Close())) }()
	for a.nodes.Len() < maxAncestors {
		if err := a.resolve(ctx); err != nil {
			return nil, 0, err
		}
		if len(a.rows) == 0 {
			break
		}
		if err := a.read(ctx); err != nil {
			return nil, 0, err
		}
		if err := errors.Join(unavailable(a.nodes.Err()), s.keyErr()); err != nil {
			return nil, 0, err
		}
	}
	return a.targets, len(a.targets) / width, nil
}

// resolve finds the rows that have the values of edges.
func (a *ancestors) resolve(ctx context.Context) error {
	s := a.sheet
	for i, column := range s.selfColumns {
		for len(a.edges[i]) > 0 {
			some := a.edges[i][:min(MaxBatchRows, len(a.edges[i]))]
			a.edges[i] = a.edges[i][len(some):]
			values := make([]imports.Value, len(some))
			for j := range some {
				values[j] = some[j].value
			}
			owners, err := s.Database.Owners(ctx, s.parents[column].column, values)
			if err != nil {
				return err
			}
			for j, owner := range owners {
				if owner != nil {
					a.targets[some[j].edge] = a.node(s.keysOf(s.parents[column].column) != nil, owner)
				}
			}
		}
	}
	return nil
}

// node returns the node of a row of the database. If the file has the row, it is that of the file, or -1 if the file
// replaces the value that was referred to, or if the row does not wait.
func (a *ancestors) node(replaces bool, owner []imports.Value) int32 {
	s := a.sheet
	key := ownerKey(owner)
	if entry := s.keys.Find(key); entry >= 0 {
		if replaces || s.keys.Get(entry).state != Pending {
			return -1
		}
		return int32(s.keys.Get(entry).cause) - 1
	}
	width := len(s.selfColumns)
	i, found := a.nodes.Add(key, int32(len(a.targets)/width))
	node := a.nodes.Get(i)
	if !found {
		for range width {
			a.targets = append(a.targets, -1)
		}
		row := ancestor{node: node}
		for _, v := range owner {
			row.key = append(row.key, cloned(v))
		}
		a.rows = append(a.rows, row)
	}
	return node
}

// read reads the references of rows.
func (a *ancestors) read(ctx context.Context) error {
	s := a.sheet
	for len(a.rows) > 0 {
		some := a.rows[:min(MaxBatchRows, len(a.rows))]
		a.rows = a.rows[len(some):]
		asked := make([][]imports.Value, len(some))
		for i, row := range some {
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
			if row != nil {
				a.follow(int(some[i].node)*len(s.selfColumns), row)
			}
		}
	}
	return nil
}

// follow follows the references of a row of the database, whose first edge is at an index.
func (a *ancestors) follow(at int, row []imports.Value) {
	s := a.sheet
	for i, column := range s.selfColumns {
		v := row[column]
		if v.Kind == imports.Null {
			continue
		}
		s.buffer = v.Append(s.buffer[:0])
		keys := s.keysOf(s.parents[column].column)
		switch entry := keys.Find(s.buffer); {
		case entry < 0:
			a.edges[i] = append(a.edges[i], outsideTarget{edge: at + i, value: cloned(v)})
		case keys.Get(entry).state == Pending:
			a.targets[at+i] = int32(keys.Get(entry).cause) - 1
		}
	}
}
