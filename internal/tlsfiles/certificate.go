// Package tlsfiles reads TLS certificates and authorities from files. It reads them again when they change, so a renewal needs
// no restart.
package tlsfiles

import (
	"crypto/tls"
	"fmt"
	"log/slog"

	"headway/internal/watched"
)

// Certificate is a certificate and its key in two files.
type Certificate struct {
	file *watched.File[*tls.Certificate]
}

// NewCertificate reads a certificate chain and its private key, both PEM.
func NewCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	read := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("read the TLS certificate %s and key %s: %w", certFile, keyFile, err)
		}
		return &pair, nil
	}
	f, err := watched.Open(read, certFile, keyFile)
	if err != nil {
		return nil, err
	}
	f.Log(logger, "TLS certificate", func(c *tls.Certificate) []any { return []any{"valid_until", c.Leaf.NotAfter} })
	return &Certificate{f}, nil
}

// Server implements tls.Config.GetCertificate.
func (c *Certificate) Server(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.present() }

// Client implements tls.Config.GetClientCertificate.
func (c *Certificate) Client(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.present()
}

// present returns the certificate. If the present files can't be used, it is the previous one.
func (c *Certificate) present() (*tls.Certificate, error) {
	certificate, _ := c.file.Get()
	return certificate, nil
}
