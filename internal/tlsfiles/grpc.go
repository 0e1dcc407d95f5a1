package tlsfiles

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"google.golang.org/grpc/credentials"

	"headway/internal/watched"
)

// Config names the files for gRPC connections. All are PEM.
type Config struct {
	// CertFile and KeyFile have the certificate chain of this program and its private key. A server needs them. A client
	// that has them presents them to servers that ask.
	CertFile, KeyFile string
	// CAFile has the certificates of the authorities that the other side's certificate must be signed by. If it is empty,
	// they are those of the system.
	CAFile string
	// RequireClient makes a server refuse clients without a certificate.
	RequireClient bool
}

// GRPC are the credentials of gRPC connections. Each handshake uses the present files.
type GRPC struct {
	certificate *Certificate
	authorities *watched.File[*authorities]
	required    bool
}

// NewGRPC reads the files.
func NewGRPC(cfg Config, logger *slog.Logger) (*GRPC, error) {
	g := &GRPC{required: cfg.RequireClient}
	var err error
	if cfg.CertFile != "" {
		if g.certificate, err = NewCertificate(cfg.CertFile, cfg.KeyFile, logger); err != nil {
			return nil, err
		}
	}
	if cfg.CAFile == "" {
		return g, nil
	}
	g.authorities, err = watched.Open(func() (*authorities, error) { return readAuthorities(cfg.CAFile) }, cfg.CAFile)
	if err != nil {
		return nil, err
	}
	g.authorities.Log(logger, "TLS authorities", func(a *authorities) []any { return []any{"valid_until", a.validUntil} })
	return g, nil
}

// authorities are the certificates that others must be signed by.
type authorities struct {
	pool *x509.CertPool
	// validUntil is when the first of them expires.
	validUntil time.Time
}

func readAuthorities(path string) (*authorities, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the TLS authorities: %w", err)
	}
	a := &authorities{pool: x509.NewCertPool()}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the TLS authorities in %s: %w", path, err)
		}
		a.pool.AddCert(certificate)
		if a.validUntil.IsZero() || certificate.NotAfter.Before(a.validUntil) {
			a.validUntil = certificate.NotAfter
		}
	}
	if a.validUntil.IsZero() {
		return nil, fmt.Errorf("the file of the TLS authorities, %s, has no certificate", path)
	}
	return a, nil
}

// Server returns the credentials of a server. The files must include a certificate.
func (g *GRPC) Server() credentials.TransportCredentials {
	return &perHandshake{credentials.NewTLS(g.server()), g.server}
}

// Client returns the credentials of a client.
func (g *GRPC) Client() credentials.TransportCredentials {
	return &perHandshake{credentials.NewTLS(g.client()), g.client}
}

func (g *GRPC) server() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: g.certificate.Server, ClientCAs: g.pool()}
	if g.required {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return cfg
}

func (g *GRPC) client() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.pool()}
	if g.certificate != nil {
		cfg.GetClientCertificate = g.certificate.Client
	}
	return cfg
}

// pool returns the authorities, or nil for those of the system.
func (g *GRPC) pool() *x509.CertPool {
	if g.authorities == nil {
		return nil
	}
	present, _ := g.authorities.Get() // if the present file can't be used, the previous one
	return present.pool
}

// perHandshake are credentials that are created for each handshake.
type perHandshake struct {
	credentials.TransportCredentials
	config func() *tls.Config
}

// ClientHandshake implements credentials.TransportCredentials.
func (p *perHandshake) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(p.config()).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake implements credentials.TransportCredentials.
func (p *perHandshake) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(p.config()).ServerHandshake(conn)
}

// Clone implements credentials.TransportCredentials.
func (p *perHandshake) Clone() credentials.TransportCredentials {
	return &perHandshake{p.TransportCredentials.Clone(), p.config}
}
