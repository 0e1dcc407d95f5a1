package load

import (
	"errors"

	"headway/services/importer/internal/source"
)

// errKeysFull means that the keys of a run have no room left in memory.
var errKeysFull = errors.New("the memory for keys is used up")

// keyMemory is the part of a run's memory that keys can have. It is for one goroutine.
type keyMemory struct {
	all         source.Memory
	limit, used int64 // limit 0 means none
}

// Grow implements keyset.Memory.
func (k *keyMemory) Grow(bytes int64) error {
	if k.limit > 0 && k.used+bytes > k.limit {
		return errKeysFull
	}
	if err := k.all.Grow(bytes); err != nil {
		return err
	}
	k.used += bytes
	return nil
}

// Shrink implements keyset.Memory.
func (k *keyMemory) Shrink(bytes int64) {
	k.used -= bytes
	k.all.Shrink(bytes)
}
