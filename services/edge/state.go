package edge

import (
	"context"
	"path/filepath"

	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/bus/nats"
	"headway/services/edge/internal/peers"
	"headway/services/edge/internal/tus"
	"headway/services/edge/internal/tus/bucket"
	"headway/services/edge/internal/tus/folder"
)

// uploads is a store of resumable uploads, with its background work.
type uploads interface {
	tus.Store
	Run(ctx context.Context)
}

// openUploads returns the store of resumable uploads, or nil without one.
func (s *Service) openUploads() (uploads, error) {
	cfg := s.cfg
	limits := tus.Limits{IdleAfter: uploadIdle, PerUser: max(cfg.UnfinishedPerUser, 0),
		BytesPerUser: int64(max(cfg.UnfinishedBytesPerUser, 0)), Bytes: int64(max(cfg.UnfinishedBytes, 0))}
	switch {
	case cfg.EdgeBlobs != "":
		return bucket.New(bucket.Config{Bucket: s.state, Prefix: "uploads/", TTL: cfg.UploadTTL, Limits: limits, Logger: cfg.Logger}), nil
	case cfg.UploadsDir != "":
		return folder.Open(folder.Config{Folder: cfg.UploadsDir, TTL: cfg.UploadTTL, Limits: limits, Logger: cfg.Logger})
	}
	return nil, nil //nolint:nilnil // there is no store, and no error
}

// openState opens the bucket for what must survive a restart.
func (s *Service) openState() (err error) {
	switch {
	case s.cfg.EdgeBlobs != "":
		s.state, err = blobs.Open(context.Background(), s.cfg.EdgeBlobs)
	case s.cfg.DataDir != "":
		var dir string
		if dir, err = filepath.Abs(s.cfg.DataDir); err == nil {
			s.state, err = blobs.Open(context.Background(), blobs.FolderURL(dir))
		}
	}
	return err
}

// openPeers connects this edge to the others.
func (s *Service) openPeers() error {
	if s.cfg.Bus.Bus == "" {
		return nil
	}
	reports, err := sealer(s.cfg.Key, "peers")
	if err != nil {
		return err
	}
	s.bus, err = nats.Open(nats.Config{Settings: s.cfg.Bus, Name: "headway-edge", Subject: "headway.edges",
		Meanwhile: "each edge enforces the limits of streams and requests per user alone", Logger: s.cfg.Logger})
	if err != nil {
		return err
	}
	s.peers = peers.New(peers.Config{
		Bus: s.bus, Sealer: reports, Rates: s.access.Share(), Streams: s.hub, Logger: s.cfg.Logger, Metrics: s.cfg.Metrics,
	})
	return nil
}

// shared returns the bucket that all edges share, or nil without one.
func (s *Service) shared() *blobs.Bucket {
	if s.cfg.EdgeBlobs == "" {
		return nil
	}
	return s.state
}

// sealer returns what encrypts cookies or tickets. Edges with the same key open each other's.
func sealer(key *auth.Key, purpose string) (*auth.Sealer, error) {
	if key == nil {
		return auth.RandomSealer()
	}
	return key.Sealer(purpose)
}
