package auth

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// serviceTokenTTL is how long a service's own token lasts; streams opened with it are resumed by then.
const serviceTokenTTL = time.Hour

// StaticCredentials sends one token with every call.
func StaticCredentials(token string) credentials.PerRPCCredentials {
	return tokenCredentials(func() (string, error) { return token, nil })
}

// ServiceCredentials signs tokens for a service of Headway as they are needed, and sends them with every call.
func (k *Key) ServiceCredentials(name string, scopes ...string) credentials.PerRPCCredentials {
	var (
		mu    sync.Mutex
		token string
		until time.Time
	)
	return tokenCredentials(func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		// Half the life is kept in hand, so that a long stream does not begin with a token about to end.
		if time.Until(until) > serviceTokenTTL/2 {
			return token, nil
		}
		t, err := k.Sign(Identity{Subject: name, Scopes: scopes}, serviceTokenTTL)
		if err != nil {
			return "", err
		}
		token, until = t, time.Now().Add(serviceTokenTTL)
		return token, nil
	})
}

type tokenCredentials func() (string, error)

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (c tokenCredentials) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := c()
	if err != nil {
		return nil, fmt.Errorf("token for a call: %w", err)
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials. Services of one machine talk over loopback
// without TLS; whoever spreads them over a network configures TLS on the connection.
func (tokenCredentials) RequireTransportSecurity() bool { return false }
