package folder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"headway/services/edge/internal/tus"
)

// join creates an upload of parts that were uploaded in parallel. It doesn't copy data: the note lists the parts, and
// their files are read one after the other. Joining the same parts again returns the same upload, so that a client
// whose response was lost can repeat the request.
func (s *Store) join(ctx context.Context, n note, ids []string) (tus.Info, error) {
	parts := make([]*upload, len(ids))
	for i, id := range ids {
		part, err := s.find(n.Owner, id)
		if err != nil {
			return tus.Info{}, err
		}
		if slices.Contains(ids[:i], id) || !part.partial {
			return tus.Info{}, tus.ErrNotPartial
		}
		if err := part.acquire(ctx, nil); err != nil {
			return tus.Info{}, err
		}
		defer part.lock.Release()
		parts[i] = part
	}
	n.Length, n.Parts = 0, ids
	for _, part := range parts {
		if !part.complete() {
			return tus.Info{}, tus.ErrIncomplete
		}
		n.Length += part.length
	}
	u := newUpload(rand.Text(), n)
	u.offset = n.Length
	s.mu.Lock()
	if joined := s.uploads[parts[0].joinedBy]; joined != nil {
		s.mu.Unlock()
		if !slices.Equal(joined.parts, ids) {
			return tus.Info{}, tus.ErrNotPartial
		}
		return joined.info(s.cfg.TTL), nil
	}
	for _, part := range parts {
		if s.uploads[part.joinedBy] != nil {
			s.mu.Unlock()
			return tus.Info{}, tus.ErrNotPartial
		}
	}
	for _, part := range parts {
		part.joinedBy = u.id
	}
	s.uploads[u.id] = u
	s.mu.Unlock()
	if err := s.writeNote(u.note()); err != nil {
		s.mu.Lock()
		delete(s.uploads, u.id)
		s.mu.Unlock()
		return tus.Info{}, fmt.Errorf("join an upload: %w", err)
	}
	return u.info(s.cfg.TTL), nil
}

// joinedFiles reads files one after the other.
type joinedFiles struct {
	io.Reader
	files []*os.File
}

func (s *Store) openJoined(ids []string) (io.ReadCloser, error) {
	j := &joinedFiles{}
	readers := make([]io.Reader, len(ids))
	for i, id := range ids {
		file, err := os.Open(s.path(id + bytesSuffix))
		if err != nil {
			return nil, errors.Join(err, j.Close())
		}
		j.files = append(j.files, file)
		readers[i] = file
	}
	j.Reader = io.MultiReader(readers...)
	return j, nil
}

// Close implements io.Closer.
func (j *joinedFiles) Close() error {
	var errs []error
	for _, file := range j.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
