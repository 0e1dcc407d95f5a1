// Package watched notices when files change, by a rename or in place.
package watched

import (
	"os"
	"slices"
)

// Versions are the versions of some files at a time. Look at the files before you read them, so that no change in the meantime
// is missed.
type Versions []os.FileInfo

// Look returns the present versions of files. A missing file has a version, too.
func Look(files ...string) Versions {
	v := make(Versions, len(files))
	for i, file := range files {
		v[i], _ = os.Stat(file) // nil while it is missing
	}
	return v
}

// Equal reports whether no file has changed.
func (v Versions) Equal(other Versions) bool { return slices.EqualFunc(v, other, same) }

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
