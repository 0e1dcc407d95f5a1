// Package tlsfiles reads TLS certificates and authorities from files. It reads them again when they change, so a renewal needs
// no restart.
package tlsfiles

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"headway/internal/watched"
)

// file is the content of files, which is read again after they change, by a rename or in place. While new files can't be used,
// for example because one of them is still being written, the previous content stays in use.
type file[T any] struct {
	paths  []string
	read   func() (T, error)
	logger *slog.Logger
	// what names the content in the log.
	what string
	// validUntil returns when the content expires.
	validUntil func(T) time.Time

	mu      sync.Mutex
	current T
	// versions are those of the files in use.
	versions watched.Versions
	// failure is why the present files can't be used. It is empty if they are in use.
	failure string
}

func newFile[T any](what string, logger *slog.Logger, read func() (T, error), validUntil func(T) time.Time, paths ...string) (*file[T], error) {
	f := &file[T]{paths: paths, read: read, validUntil: validUntil, logger: logger, what: what}
	return f, f.load()
}

// get returns the content. To look at the files costs little compared with a handshake.
func (f *file[T]) get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure == "" && watched.Look(f.paths...).Equal(f.versions) {
		return f.current
	}
	switch err := f.load(); {
	case err == nil:
		f.failure = ""
		f.logger.Info("reloaded the "+f.what, "file", f.paths[0], "valid_until", f.validUntil(f.current))
	case err.Error() != f.failure: // once, not with every connection
		f.failure = err.Error()
		f.logger.Error("can't use the new "+f.what+", continuing with the old one", "error", err)
	}
	return f.current
}

// load reads the files.
func (f *file[T]) load() error {
	versions := watched.Look(f.paths...)
	content, err := f.read()
	if err != nil {
		return err
	}
	f.current, f.versions = content, versions
	return nil
}

// Certificate is a certificate and its key in two files.
type Certificate struct{ file *file[*tls.Certificate] }

// NewCertificate reads a certificate chain and its private key, both PEM.
func NewCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	read := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("read the TLS certificate %s and key %s: %w", certFile, keyFile, err)
		}
		return &pair, nil
	}
	validUntil := func(c *tls.Certificate) time.Time { return c.Leaf.NotAfter }
	f, err := newFile("TLS certificate", logger, read, validUntil, certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return &Certificate{f}, nil
}

// Get implements tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.file.get(), nil }
