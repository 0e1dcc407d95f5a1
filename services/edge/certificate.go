package edge

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often a handshake looks whether the certificate's files have changed.
const certificateCheck = 10 * time.Second

// certificateFiles gives the certificate in two files, and the new one soon after they change: whoever renews it need
// not restart anything.
type certificateFiles struct {
	certFile, keyFile string

	mu       sync.Mutex
	current  *tls.Certificate
	modified time.Time
	checked  time.Time
}

func newCertificateFiles(certFile, keyFile string) (*certificateFiles, error) {
	f := &certificateFiles{certFile: certFile, keyFile: keyFile}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// certificate implements tls.Config.GetCertificate. While new files are incomplete the old certificate goes on.
func (f *certificateFiles) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) > certificateCheck {
		f.checked = now
		if info, err := os.Stat(f.certFile); err == nil && !info.ModTime().Equal(f.modified) {
			_ = f.load() // tried again at the next check
		}
	}
	return f.current, nil
}

func (f *certificateFiles) load() error {
	info, err := os.Stat(f.certFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate %s and key %s: %w", f.certFile, f.keyFile, err)
	}
	f.current, f.modified = &pair, info.ModTime()
	return nil
}
