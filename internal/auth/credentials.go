package auth

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// serviceTokenTTL is how long a service's own token is valid. Streams that were opened with it end then, and are resumed.
const serviceTokenTTL = time.Hour

// StaticCredentials sends one token with every call.
func StaticCredentials(token string) credentials.PerRPCCredentials {
	return tokenCredentials(func() (string, error) { return token, nil })
}

// ServiceCredentials sends a token for one of Headway's services with every call. It signs a new one in time, and when the
// secret that signed the last one has been replaced.
func (k *Key) ServiceCredentials(name string, scopes ...string) credentials.PerRPCCredentials {
	var (
		mu    sync.Mutex
		token string
		until time.Time
		with  *ring
	)
	return tokenCredentials(func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		// At least half of the time must be left, so that a long stream does not start with a token that is about to expire.
		now := k.ring.Load()
		if now == with && time.Until(until) > serviceTokenTTL/2 {
			return token, nil
		}
		t, err := k.Sign(Identity{Subject: name, Scopes: scopes}, serviceTokenTTL)
		if err != nil {
			return "", err
		}
		token, until, with = t, time.Now().Add(serviceTokenTTL), now
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

// RequireTransportSecurity implements credentials.PerRPCCredentials. Services on one machine call each other over loopback
// without TLS. Over a network, TLS is configured on the connection.
func (tokenCredentials) RequireTransportSecurity() bool { return false }
