package check

import (
	"errors"
	"fmt"

	"headway/services/importer/internal/imports"
)

// issueBytes is approximately the memory that a stored issue uses.
const issueBytes = 1200

// Bytes returns approximately the memory that grows with the rows. Keys and lists have reserved their own.
func (s *Sheet) Bytes() int64 {
	return int64(len(s.firstIssue))*issueBytes + s.deferred.bytes() + s.distinct.bytes()
}

// Release frees the memory and the files that later sheets do not need. referred are the columns that they refer to.
// Deferred can't be called after it.
func (s *Sheet) Release(referred map[string]bool) error {
	err := errors.Join(s.deferred.close(), s.distinct.close())
	s.distinct = nil
	for i, set := range s.uniques {
		if !referred[s.Columns[i].Spec.Name] {
			err = errors.Join(err, set.Close())
			delete(s.uniques, i)
		}
	}
	if len(referred) == 0 {
		err = errors.Join(err, s.keys.Close())
		s.keys = nil
	}
	for _, p := range s.parents {
		err = errors.Join(err, p.known.Close())
	}
	s.scratch, s.parents = scratch{}, nil
	if len(referred) == 0 {
		s.firstIssue = nil
	}
	return err
}

// Close frees all memory and files.
func (s *Sheet) Close() error { return s.Release(nil) }

// keyErr returns the first error of a set of keys that is in a file.
func (s *Sheet) keyErr() error {
	err := errors.Join(s.keys.Err(), s.distinct.err())
	for _, set := range s.uniques {
		err = errors.Join(err, set.Err())
	}
	for _, p := range s.parents {
		err = errors.Join(err, p.known.Err(), p.sheet.keysOf(p.column).Err())
	}
	return unavailable(err)
}

// unavailable marks an error of a temporary file, such as that of a full disk, as temporary.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", imports.ErrStoreUnavailable, err)
}
