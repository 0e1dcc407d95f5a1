package edge

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// certificateFiles returns the certificate in two files. After they change, by a rename or in place, the next connection
// gets the new one, so a renewal needs no restart.
type certificateFiles struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	// cert and key are the files as of the last check.
	cert, key os.FileInfo
	// failure is the reason why the current files can't be used. It is empty if they are in use.
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
	if f.changed() || f.failure != "" {
		f.reload()
	}
	return f.current, nil
}

// changed reports whether the files have changed. That costs little compared with a handshake.
func (f *certificateFiles) changed() bool {
	cert, certErr := os.Stat(f.certFile)
	key, keyErr := os.Stat(f.keyFile)
	return certErr != nil || keyErr != nil || !sameVersion(cert, f.cert) || !sameVersion(key, f.key)
}

func sameVersion(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
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

// load reads the files. Their recorded state is from before the reading, so that a change in the meantime is not
// missed.
func (f *certificateFiles) load() error {
	cert, err := os.Stat(f.certFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate: %w", err)
	}
	key, err := os.Stat(f.keyFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate's key: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate %s and key %s: %w", f.certFile, f.keyFile, err)
	}
	f.current, f.cert, f.key = &pair, cert, key
	return nil
}
