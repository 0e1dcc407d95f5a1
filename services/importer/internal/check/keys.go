package check

import (
	"bytes"
	"encoding/binary"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// checkKeys finds keys and unique values that an earlier row of the sheet has.
func (s *Sheet) checkKeys() {
	v := &s.row
	number := s.batch.Rows[v.index]
	if s.hasKey(v.values) {
		s.buffer = s.appendKey(s.buffer[:0], v.values, s.key)
		if s.replay {
			v.entry = s.keys.Find(s.buffer)
		} else if index, found := s.keys.Add(s.buffer, entry{row: uint32(number)}); found {
			s.reject(s.key[0], imports.DuplicateInFile, func() messages.Message {
				if s.distinct != nil {
					return s.differentMessage(s.keys.Get(index).row)
				}
				return s.duplicateMessage(s.key, s.keys.Get(index).row)
			})
		} else {
			v.entry = index
		}
	}
	for _, column := range s.uniqueColumns {
		set := s.uniques[column]
		value := v.values[column]
		if value.Kind == imports.Null {
			continue
		}
		if v.unique == nil {
			v.unique = map[int]int{}
		}
		s.buffer = s.appendValue(s.buffer[:0], value, column)
		if s.replay {
			v.unique[column] = set.Find(s.buffer)
		} else if index, found := set.Add(s.buffer, entry{row: uint32(number)}); found {
			s.reject(column, imports.DuplicateInFile, func() messages.Message {
				return s.duplicateMessage([]int{column}, set.Get(index).row)
			})
		} else {
			v.unique[column] = index
		}
	}
}

func (s *Sheet) hasKey(values []imports.Value) bool {
	for _, k := range s.key {
		if values[k].Kind == imports.Null {
			return false
		}
	}
	return true
}

func (s *Sheet) duplicateMessage(columns []int, first uint32) messages.Message {
	titles, values, location := s.titles(columns), s.quotes(columns), s.locationOf(first, columns[0])
	if slices.ContainsFunc(columns, s.isMerged) {
		return messages.New("duplicate.merged", titles, values, location)
	}
	return messages.New("duplicate", titles, values, location)
}

// isMerged reports whether the row has the value of a column only because its cell is merged with others.
func (s *Sheet) isMerged(column int) bool {
	return len(s.batch.Cells) > 0 && s.batch.Cells[s.row.index*len(s.Columns)+column].Merge == source.MergeFilled
}

// checkDatabase compares a row without errors with the database. It returns true if the row takes a unique value from a
// row that might release it further down.
func (s *Sheet) checkDatabase(clean int) (takes bool) {
	v := &s.row
	var existing []imports.Value
	if !s.Database.WasEmpty() {
		existing = s.batch.answers.existing[clean]
	}
	switch mode := s.Mode; {
	case mode == imports.InsertOnly && existing != nil && s.distinct != nil && s.unchanged(existing, v.values):
		// The rows that this one is taken from are new, and not the one that they have in common.
	case mode == imports.InsertOnly && existing != nil:
		valid := v.state == Accepted
		s.reject(s.key[0], imports.KeyExists, func() messages.Message {
			return messages.New("key.exists", s.title(s.key[0]), s.quote(s.key[0]))
		})
		if valid {
			v.state = Present
		}
	case mode == imports.UpdateOnly && existing == nil:
		s.reject(s.key[0], imports.KeyUnknown, func() messages.Message {
			return messages.New("key.unknown", s.title(s.key[0]), s.quote(s.key[0]))
		})
	}
	if s.Refusals != nil && s.Refusals.Len() > 0 {
		s.checkRefusals(existing)
	}
	for _, column := range s.uniqueColumns {
		if s.Database.WasEmpty() {
			break
		}
		if owner := s.batch.answers.owners[column][clean]; owner != nil && s.ownedByOther(owner) {
			if s.mayRelease(owner) {
				takes = true
				continue
			}
			s.reject(column, imports.DuplicateInDatabase, func() messages.Message { return s.ownedMessage(column, owner) })
		}
	}
	return takes
}

// mayRelease reports whether a row of the database can still change: the file might have the row, and it is not decided
// yet.
func (s *Sheet) mayRelease(owner []imports.Value) bool {
	if s.Mode == imports.InsertOnly {
		return false
	}
	i := s.keys.Find(s.ownerKey(owner))
	if s.replay {
		return s.probing && i >= 0 && s.keys.Get(i).state == Pending
	}
	return i < 0 || s.keys.Get(i).state == Pending
}

// ownedMessage is the message of a unique value that belongs to another row in the database.
func (s *Sheet) ownedMessage(column int, owner []imports.Value) messages.Message {
	if i := s.keys.Find(s.ownerKey(owner)); i >= 0 && s.Mode != imports.InsertOnly && s.keys.Get(i).state != Accepted {
		return messages.New("duplicate.kept", s.title(column), s.quote(column), rowNumber(s.keys.Get(i).row))
	}
	return messages.New("duplicate.database", s.title(column), s.quote(column))
}

// ownerKey returns the key of a row of the database in the form of appendKey.
func (s *Sheet) ownerKey(owner []imports.Value) []byte {
	return s.appendKey(nil, owner, identity(len(owner)))
}

// identity returns the numbers below n.
func identity(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// ownedByOther reports whether a unique value belongs to another row of the database, once the rows above are written. The
// database might not show those. A row above that is valid has another value, because the value is not a duplicate in the
// file.
func (s *Sheet) ownedByOther(owner []imports.Value) bool {
	key := s.ownerKey(owner)
	if bytes.Equal(key, s.appendKey(nil, s.row.values, s.key)) {
		return false
	}
	i := s.keys.Find(key)
	if i < 0 {
		return true
	}
	switch e := s.keys.Get(i); e.state {
	case Accepted:
		return false
	case Pending:
		return s.probing || s.deferred.released == nil || !s.deferred.released.Get(int(e.cause)-1)
	default:
		return true
	}
}

// appendKey appends an unambiguous encoding of a row's key. at are the indexes of the key's values in the row.
func (s *Sheet) appendKey(dst []byte, row []imports.Value, at []int) []byte {
	if len(at) == 1 {
		return s.appendValue(dst, row[at[0]], s.key[0])
	}
	for i, k := range at {
		start := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = s.appendValue(dst, row[k], s.key[i])
		binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	}
	return dst
}

// appendValue appends a value of a column in the form in which the database compares it.
func (s *Sheet) appendValue(dst []byte, v imports.Value, column int) []byte {
	if s.folded[column] == schema.NoLetters {
		return v.Append(dst)
	}
	return appendFolded(dst, v, s.folded[column])
}

func appendFolded(dst []byte, v imports.Value, of schema.Letters) []byte {
	return of.Fold(dst, v.Append(nil))
}

// unchanged reports whether a row of the file leaves the row of the database as it is.
func (s *Sheet) unchanged(existing, row []imports.Value) bool {
	for i := range existing {
		if !existing[i].Equal(row[i]) && !s.sameRow(i, existing[i], row[i]) && (row[i].Kind != imports.Null || !s.Columns[i].Spec.KeepsBlank()) {
			return false
		}
	}
	return true
}

// sameRow reports whether two values of a column identify the same row, although they differ: a key or a reference without regard to
// case.
func (s *Sheet) sameRow(column int, a, b imports.Value) bool {
	of := s.folded[column]
	return of != schema.NoLetters && (s.parents[column] != nil || slices.Contains(s.key, column)) && bytes.Equal(appendFolded(nil, a, of), appendFolded(nil, b, of))
}
