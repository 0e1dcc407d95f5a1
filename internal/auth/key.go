package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"headway/internal/atomicfile"
	"headway/internal/watched"
)

const (
	// audience must be in a token's `aud`, so that a token for another system with the same key is refused.
	audience = "headway"
	// minKeyBytes is the minimum length of a key for HS256 (RFC 7518 §3.2).
	minKeyBytes = 32
	// DefaultClockSkew is the maximum difference between clocks. Clocks that are synchronized over the network differ
	// by less than a second, and clocks that are set once a day by a few seconds.
	DefaultClockSkew = 30 * time.Second
	// maxClockSkew limits the setting, because an expired token remains valid for that time.
	maxClockSkew = 5 * time.Minute
)

// Key signs and verifies HS256 tokens (RFC 7519) with secrets that are shared on one machine or in one trusted group of
// services. It is safe for concurrent use.
type Key struct {
	expected expected
	parser   *jwt.Parser
	defaults Rights

	ring atomic.Pointer[ring]
	// file is the file with the secrets, or nil if they come from none.
	file      *watched.File[*ring]
	reloading sync.Mutex

	mu sync.Mutex
	// verified caches tokens with a valid signature: a worker sends the same one with thousands of calls.
	verified map[string]Identity
}

// ring has the secret that signs, followed by those that only verify. It is never changed, only replaced.
type ring struct{ secrets [][]byte }

// maxVerified limits the cache of verified tokens. When the cache is full, it is cleared.
const maxVerified = 4096

// NewKey returns a new Key. Each secret has at least 32 bytes. The first one signs, and all of them verify: to replace a
// secret, put the new one first, and remove the old one when its last token has expired.
func NewKey(secrets ...[]byte) (*Key, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	k := &Key{}
	k.ring.Store(&ring{secrets})
	k.trust(DefaultClockSkew, AllRights())
	return k, nil
}

func checkSecrets(secrets [][]byte) error {
	if len(secrets) == 0 {
		return errors.New("there is no signing key. To create one, run: openssl rand -base64 48")
	}
	for _, secret := range secrets {
		if len(secret) < minKeyBytes {
			return fmt.Errorf("the signing key has %d bytes, but HS256 needs at least %d. To create one, run: openssl rand -base64 48", len(secret), minKeyBytes)
		}
	}
	return nil
}

// Trust sets the maximum difference between clocks, and the rights of tokens that do not name theirs. Call it before the key
// is used. Without it, they are DefaultClockSkew and AllRights.
func (k *Key) Trust(skew time.Duration, defaults Rights) error {
	if err := checkSkew(skew); err != nil {
		return err
	}
	k.trust(skew, defaults)
	return nil
}

func (k *Key) trust(skew time.Duration, defaults Rights) {
	k.defaults = defaults
	k.expected = expected{algorithms: []string{jwt.SigningMethodHS256.Alg()}, audience: audience, skew: skew}
	k.parser = k.expected.parser()
}

func checkSkew(skew time.Duration) error {
	if skew < 0 || skew > maxClockSkew {
		return fmt.Errorf("the clock skew is %v, but it must be from 0 to %v", skew, maxClockSkew)
	}
	return nil
}

// ParseKey returns the Key with the secrets in a text, one per line. Empty lines, and blanks around a secret, are ignored.
func ParseKey(text string) (*Key, error) { return NewKey(secretsIn(text)...) }

func secretsIn(text string) [][]byte {
	var secrets [][]byte
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			secrets = append(secrets, []byte(line))
		}
	}
	return secrets
}

// LoadOrCreateKey reads the key file, or creates one that only this user can read. Several processes can do so at the
// same time.
func LoadOrCreateKey(path string) (*Key, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of the key: %w", err)
	}
	if err := createKeyFile(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create the signing key: %w", err)
	}
	return LoadKey(path)
}

// createKeyFile creates a whole key file, unless there is one.
func createKeyFile(path string) error {
	secret := make([]byte, 48)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return atomicfile.Create(path, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, base64.StdEncoding.EncodeToString(secret)+"\n")
		return err
	})
}

type signedClaims struct {
	jwt.RegisteredClaims
	Scope   string   `json:"scope,omitempty"`
	Kinds   []string `json:"headway_kinds,omitzero"`
	Schemas []string `json:"headway_schemas,omitzero"`
}

// Sign returns a token for the identity that is valid for ttl. ExpiresAt of the identity is not used.
func (k *Key) Sign(id Identity, ttl time.Duration) (string, error) {
	if id.Subject == "" {
		return "", errors.New("sign a token: the subject is empty")
	}
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, signedClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        rand.Text(), // no two tokens are equal, so that one can be revoked without the other
			Subject:   id.Subject,
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Scope: strings.Join(id.Scopes, " "), Kinds: id.Kinds, Schemas: id.Schemas,
	}).SignedString(k.ring.Load().secrets[0])
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return token, nil
}

// Verify implements Verifier.
func (k *Key) Verify(_ context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, ErrMissing
	}
	if id, ok := k.known(token); ok {
		if time.Now().After(id.ExpiresAt.Add(k.expected.skew)) {
			return Identity{}, ErrExpired
		}
		return id, nil
	}
	secrets := k.ring.Load()
	claims, err := k.parse(token, secrets)
	if errors.Is(err, jwt.ErrTokenSignatureInvalid) && k.reload() == nil && k.ring.Load() != secrets {
		secrets = k.ring.Load() // a service that has read the new secrets earlier signed the token
		claims, err = k.parse(token, secrets)
	}
	if err != nil {
		return Identity{}, k.expected.explain(err, token, claims)
	}
	id, err := identityOf(claims, texts(claims, "scope"))
	if err != nil {
		return Identity{}, err
	}
	k.defaults.complete(&id)
	k.remember(token, id, secrets)
	return id, nil
}

func (k *Key) parse(token string, with *ring) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	_, err := k.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return with.verificationKeys(), refuseExtensions(t) })
	return claims, err
}

func (r *ring) verificationKeys() jwt.VerificationKeySet {
	set := jwt.VerificationKeySet{Keys: make([]jwt.VerificationKey, len(r.secrets))}
	for i, secret := range r.secrets {
		set.Keys[i] = secret
	}
	return set
}

func (k *Key) known(token string) (Identity, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id, ok := k.verified[token]
	return id, ok
}

// remember caches a token, unless the secrets that verified it have been replaced.
func (k *Key) remember(token string, id Identity, verifiedWith *ring) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ring.Load() != verifiedWith {
		return
	}
	if k.verified == nil || len(k.verified) >= maxVerified {
		k.verified = make(map[string]Identity)
	}
	k.verified[token] = id
}
