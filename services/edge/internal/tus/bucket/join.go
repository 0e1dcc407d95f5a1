package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"headway/internal/blobs"
	"headway/services/edge/internal/tus"
)

// join creates an upload of parts that were uploaded in parallel. It doesn't copy data. Joining the same parts again returns the
// same upload, so that a client whose response was lost can repeat the request.
func (s *Store) join(ctx context.Context, owner string, d tus.Draft) (tus.Info, error) {
	joined := &state{folder: folderOf(owner), id: joinedID(d.Parts), joins: true, touched: time.Now()}
	parts := make([]*state, len(d.Parts))
	for i, id := range d.Parts {
		part, err := s.load(ctx, owner, id)
		if err != nil {
			return tus.Info{}, err
		}
		info, err := s.info(ctx, part)
		switch {
		case err != nil:
			return tus.Info{}, err
		case slices.Contains(d.Parts[:i], id) || !info.Partial:
			return tus.Info{}, tus.ErrNotPartial
		case !part.complete():
			return tus.Info{}, tus.ErrIncomplete
		}
		if part.joined {
			if err := s.joinedBy(ctx, part, joined.id); err != nil {
				return tus.Info{}, err
			}
		}
		parts[i], joined.length = part, joined.length+part.length
	}
	for _, part := range parts {
		err := s.cfg.Bucket.Create(ctx, s.key(part, joinedName), []byte(joined.id))
		if errors.Is(err, blobs.ErrExists) {
			err = s.joinedBy(ctx, part, joined.id)
		}
		if err != nil {
			return tus.Info{}, err
		}
	}
	joined.draft = draftKey(joined.length, true)
	if err := s.create(ctx, joined, draft{Metadata: d.Metadata, Parts: d.Parts}); err != nil && !errors.Is(err, blobs.ErrExists) {
		return tus.Info{}, fmt.Errorf("join an upload: %w", err)
	}
	return s.Find(owner, joined.id)
}

// joinedBy returns tus.ErrNotPartial if another upload joins a part.
func (s *Store) joinedBy(ctx context.Context, part *state, id string) error {
	by, err := s.cfg.Bucket.Read(ctx, s.key(part, joinedName))
	switch {
	case err != nil:
		return fmt.Errorf("read upload %s: %w", part.id, err)
	case string(by) != id:
		return tus.ErrNotPartial
	}
	return nil
}
