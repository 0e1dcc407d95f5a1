package edge

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"

	"headway/internal/watched"
)

// certificateFiles returns the certificate in two files. After they change, by a rename or in place, the next connection
// gets the new one, so a renewal needs no restart.
type certificateFiles struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	// versions are those of the files in use.
	versions watched.Versions
	// failure is why the current files cannot be used. It is empty if they are in use.
	failure string
}

func newCertificateFiles(certFile, keyFile string, logger *slog.Logger) (*certificateFiles, error) {
	f := &certificateFiles{certFile: certFile, keyFile: keyFile, logger: logger}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// certificate implements tls.Config.GetCertificate. While new files cannot be used, for example because one of them is
// still being written, the old certificate stays in use.
func (f *certificateFiles) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// To look at the files costs little compared with a handshake.
	if f.failure != "" || !watched.Look(f.certFile, f.keyFile).Equal(f.versions) {
		f.reload()
	}
	return f.current, nil
}

func (f *certificateFiles) reload() {
	err := f.load()
	switch {
	case err == nil:
		f.failure = ""
		f.logger.Info("reloaded the TLS certificate", "file", f.certFile, "valid_until", f.current.Leaf.NotAfter)
	case err.Error() != f.failure: // once, not with every connection
		f.failure = err.Error()
		f.logger.Error("can't use the new TLS certificate, continuing with the old one", "error", err)
	}
}

// load reads the files.
func (f *certificateFiles) load() error {
	versions := watched.Look(f.certFile, f.keyFile)
	pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate %s and key %s: %w", f.certFile, f.keyFile, err)
	}
	f.current, f.versions = &pair, versions
	return nil
}
