package headway

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// Token returns credentials that send the token with every call. If transportSecurity is false, the token can be sent without
// TLS, for example over loopback.
func Token(token string, transportSecurity bool) credentials.PerRPCCredentials {
	return &tokenSource{token: token, secure: transportSecurity}
}

// TokenFile returns credentials that send the token in a file with every call. The file is read again when it has changed, so
// another program can replace the token before it expires. `headway serve --worker` does so.
func TokenFile(path string, transportSecurity bool) credentials.PerRPCCredentials {
	return &tokenSource{path: path, secure: transportSecurity}
}

type tokenSource struct {
	path   string // empty for a token that never changes
	secure bool

	mu      sync.Mutex
	token   string
	changed time.Time // modification time of the file when it was read
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (s *tokenSource) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path != "" {
		if err := s.read(); err != nil {
			return nil, fmt.Errorf("headway: read the token: %w", err)
		}
	}
	return map[string]string{"authorization": "Bearer " + s.token}, nil
}

// read reads the file if it has changed. The lock is held.
func (s *tokenSource) read() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if info.ModTime().Equal(s.changed) {
		return nil
	}
	text, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	s.token, s.changed = strings.TrimSpace(string(text)), info.ModTime()
	return nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (s *tokenSource) RequireTransportSecurity() bool { return s.secure }
