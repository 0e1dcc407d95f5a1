// Package atomicfile writes files as a whole: a reader sees the old content or the new one, never a part, even after a
// crash or a power cut.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path with the content that fill writes. If fill fails, the old file stays. A symbolic link stays, and its
// file is replaced. A path that is not a regular file, such as a pipe or /dev/null, is written to directly.
func Write(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return writeTo(path, fill)
	}
	file, err := target(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return write(file, perm, fill, os.Rename)
}

// maxLinks is the maximum number of symbolic links that lead from one to the next, as in Linux.
const maxLinks = 40

// target follows symbolic links, also to a file that does not exist.
func target(path string) (string, error) {
	for range maxLinks {
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // it is not a link, or nothing is there
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", errors.New("too many symbolic links")
}

// writeTo writes to what is not a file.
func writeTo(path string, fill func(io.Writer) error) error {
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	buffered := bufio.NewWriterSize(out, 64<<10)
	if err := errors.Join(fill(buffered), buffered.Flush(), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Create writes a new file. It returns an error that is fs.ErrExist if there is a file at path, even if another process
// created it in the meantime.
func Create(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("create %s: %w", path, fs.ErrExist)
	}
	return write(path, perm, fill, os.Link)
}

func write(path string, perm fs.FileMode, fill func(io.Writer) error, publish func(temporary, path string) error) error {
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, ".tmp-*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(file.Name()) // no longer there after a rename
	buffered := bufio.NewWriterSize(file, 64<<10)
	if err := errors.Join(fill(buffered), buffered.Flush()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), file.Close())
	}
	if err := errors.Join(file.Chmod(perm), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := publish(file.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncFolder(folder)
}

// SyncFolder makes the names of new files in a folder durable (fsync(2), Notes).
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", path, err)
	}
	return nil
}
