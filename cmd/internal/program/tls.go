package program

import (
	"log/slog"

	"google.golang.org/grpc/credentials"

	"headway/internal/tlsfiles"
)

// TLSFiles name the files of gRPC connections with TLS.
type TLSFiles struct {
	GRPCTLSCertFile string `help:"Certificate chain (PEM) of this program for gRPC connections with TLS. It is reloaded when the file changes." placeholder:"FILE" name:"grpc-tls-cert-file"`
	GRPCTLSKeyFile  string `help:"Private key of that certificate (PEM)." placeholder:"FILE" name:"grpc-tls-key-file"`
	GRPCTLSCAFile   string `help:"Certificates (PEM) of the authorities that sign the certificates of Headway's services. Empty for those of the system. The file is reloaded when it changes." placeholder:"FILE" name:"grpc-tls-ca-file"`
}

func (f *TLSFiles) config() (tlsfiles.Config, error) {
	if (f.GRPCTLSCertFile == "") != (f.GRPCTLSKeyFile == "") {
		return tlsfiles.Config{}, Refuse("--grpc-tls-cert-file and --grpc-tls-key-file belong together: set both or neither")
	}
	return tlsfiles.Config{CertFile: f.GRPCTLSCertFile, KeyFile: f.GRPCTLSKeyFile, CAFile: f.GRPCTLSCAFile}, nil
}

// ClientTLSFlags are the flags of programs that only call services.
type ClientTLSFlags struct {
	TLS bool `help:"Connect with TLS. Each of the --grpc-tls flags also means this." name:"tls"`
	TLSFiles
}

// Encrypted reports whether connections use TLS.
func (f *ClientTLSFlags) Encrypted() bool {
	return f.TLS || f.GRPCTLSCertFile != "" || f.GRPCTLSCAFile != ""
}

// Credentials returns the credentials of connections, or nil if they are not encrypted.
func (f *ClientTLSFlags) Credentials() (credentials.TransportCredentials, error) {
	if !f.Encrypted() {
		return nil, nil //nolint:nilnil // no credentials, and no error
	}
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	files, err := tlsfiles.NewGRPC(cfg, slog.Default())
	if err != nil {
		return nil, Refuse("%w", err)
	}
	return files.Client(), nil
}

// ServiceTLSFlags are the flags of services that run alone. Services in one program call each other over loopback.
type ServiceTLSFlags struct {
	TLSFiles
	GRPCTLSRequireClient bool `help:"Refuse gRPC connections without a certificate that an authority of --grpc-tls-ca-file has signed (mutual TLS)." name:"grpc-tls-require-client"`
}

// serviceTLS are the credentials of a service's connections. They are nil if connections are not encrypted.
type serviceTLS struct {
	server, client credentials.TransportCredentials
}

// open reads the files. A server needs a certificate.
func (f *ServiceTLSFlags) open(logger *slog.Logger, server bool) (serviceTLS, error) {
	cfg, err := f.config()
	switch {
	case err != nil:
		return serviceTLS{}, err
	case f.GRPCTLSRequireClient && (cfg.CAFile == "" || cfg.CertFile == ""):
		return serviceTLS{}, Refuse("--grpc-tls-require-client needs --grpc-tls-cert-file, --grpc-tls-key-file, and --grpc-tls-ca-file")
	case cfg.CertFile == "" && cfg.CAFile == "":
		return serviceTLS{}, nil
	case server && cfg.CertFile == "":
		return serviceTLS{}, Refuse("this service needs a certificate for TLS: set --grpc-tls-cert-file and --grpc-tls-key-file")
	}
	cfg.RequireClient = f.GRPCTLSRequireClient
	files, err := tlsfiles.NewGRPC(cfg, logger)
	if err != nil {
		return serviceTLS{}, Refuse("%w", err)
	}
	t := serviceTLS{client: files.Client()}
	if server {
		t.server = files.Server()
	}
	return t, nil
}
