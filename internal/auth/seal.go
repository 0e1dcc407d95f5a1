package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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

// ciphers returns the ciphers of the current secrets.
func (s *Sealer) ciphers() []cipher.AEAD {
	d := s.derived.Load()
	if now := s.ring(); now != d.from {
		if next, err := derive(s.purpose, now); err == nil { // it succeeds for every secret, as for the first ones
			d = next
			s.derived.Store(d)
		}
	}
	return d.ciphers
}

// Seal returns the encrypted text, which can be part of a URL or a cookie.
func (s *Sealer) Seal(plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.ciphers()[0].Seal(nil, nil, plain, nil))
}

// Open returns what was sealed. It reports false for any other text.
func (s *Sealer) Open(text string) ([]byte, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder ignores
		return nil, false
	}
	for _, aead := range s.ciphers() {
		if plain, err := aead.Open(nil, nil, sealed, nil); err == nil {
			return plain, true
		}
	}
	return nil, false
}
