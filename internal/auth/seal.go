package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
)

// Sealer encrypts short texts for programs that hold the same key. No other program can read or change them. It is
// safe for concurrent use.
type Sealer struct {
	purpose string
	ring    func() *ring
	derived atomic.Pointer[derived]
}

// derived are the ciphers of the secrets of a ring. The first one seals, and all of them open.
type derived struct {
	from    *ring
	ciphers []cipher.AEAD
	// id is of the first secret.
	id string
}

// Sealer returns the Sealer for a purpose. Sealers for different purposes do not open each other's texts.
func (k *Key) Sealer(purpose string) (*Sealer, error) { return newSealer(purpose, k.ring.Load) }

// RandomSealer returns a Sealer whose key ends with the process.
func RandomSealer() (*Sealer, error) {
	random := &ring{[][]byte{[]byte(rand.Text())}}
	return newSealer("", func() *ring { return random })
}

func newSealer(purpose string, current func() *ring) (*Sealer, error) {
	s := &Sealer{purpose: purpose, ring: current}
	d, err := derive(purpose, current())
	if err != nil {
		return nil, err
	}
	s.derived.Store(d)
	return s, nil
}

func derive(purpose string, from *ring) (*derived, error) {
	d := &derived{from: from}
	id, err := hkdf.Key(sha256.New, from.secrets[0], nil, "headway id of "+purpose, idBytes)
	if err != nil {
		return nil, fmt.Errorf("derive an ID: %w", err)
	}
	d.id = hex.EncodeToString(id)
	for _, secret := range from.secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, "headway "+purpose, 32)
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		d.ciphers = append(d.ciphers, aead)
	}
	return d, nil
}

// idBytes is the length of an ID of a Sealer. It distinguishes keys, and says nothing about them.
const idBytes = 4

// current returns what is derived from the current secrets.
func (s *Sealer) current() *derived {
	d := s.derived.Load()
	if now := s.ring(); now != d.from {
		if next, err := derive(s.purpose, now); err == nil { // it succeeds for every secret, as for the first ones
			d = next
			s.derived.Store(d)
		}
	}
	return d
}

// ID returns a short ID of the key that seals. Programs with the same key have the same one.
func (s *Sealer) ID() string { return s.current().id }

// Seal returns the encrypted text, which can be part of a URL or a cookie.
func (s *Sealer) Seal(plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.current().ciphers[0].Seal(nil, nil, plain, nil))
}

// Open returns what was sealed. It reports false for any other text.
func (s *Sealer) Open(text string) ([]byte, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder ignores
		return nil, false
	}
	for _, aead := range s.current().ciphers {
		if plain, err := aead.Open(nil, nil, sealed, nil); err == nil {
			return plain, true
		}
	}
	return nil, false
}
