// Package watched reads files again when they change, by a rename or in place.
package watched

import (
	"log/slog"
	"os"
	"slices"
	"sync"
)

// File is the content of one or more files, which are read again after they change. While the changed files can't be used, for
// example because one of them is still being written, the previous content stays in use. It is safe for concurrent use.
type File[T any] struct {
	paths []string
	read  func() (T, error)

	mu sync.Mutex
	// See Log.
	logger     *slog.Logger
	what       string
	attributes func(T) []any
	current    T
	// versions are those of the files that were read last.
	versions versions
	// failure is why the present files can't be used, or nil. Then they are read again each time, because permissions, for
	// example, are not part of a version.
	failure error
	// reported is the failure that was logged last.
	reported string
}

// Open reads the files at paths.
func Open[T any](read func() (T, error), paths ...string) (*File[T], error) {
	f := &File[T]{paths: paths, read: read, versions: look(paths...)}
	var err error
	f.current, err = read()
	return f, err
}

// Log makes f log when it has read the files again, with the attributes of the content, and each new reason why it can't use
// them. what names the content: "TLS certificate". Call it before the first Get.
func (f *File[T]) Log(logger *slog.Logger, what string, attributes func(T) []any) {
	f.logger, f.what, f.attributes = logger, what, attributes
}

// Get returns the content. The error is not nil if the present files can't be used, and the content is from before. Looking at
// the files costs little compared with a handshake.
func (f *File[T]) Get() (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := look(f.paths...)
	if f.failure == nil && now.equal(f.versions) {
		return f.current, nil
	}
	content, err := f.read()
	f.versions, f.failure = now, err
	if err == nil {
		f.current = content
	}
	f.log()
	return f.current, f.failure
}

func (f *File[T]) log() {
	switch {
	case f.failure == nil:
		f.reported = ""
		if f.logger != nil {
			f.logger.Info("reloaded the "+f.what, append([]any{"files", f.paths}, f.attributes(f.current)...)...)
		}
	case f.failure.Error() != f.reported: // once, not each time
		f.reported = f.failure.Error()
		if f.logger != nil {
			f.logger.Error("can't use the new "+f.what+", continuing with the old", "error", f.failure)
		}
	}
}

// versions are the versions of some files at a time. Look at the files before you read them, so that no change in the meantime
// is missed.
type versions []os.FileInfo

// look returns the present versions of files. A missing file has a version, too.
func look(files ...string) versions {
	v := make(versions, len(files))
	for i, file := range files {
		v[i], _ = os.Stat(file) // nil while it is missing
	}
	return v
}

// equal reports whether no file has changed.
func (v versions) equal(other versions) bool { return slices.EqualFunc(v, other, same) }

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
