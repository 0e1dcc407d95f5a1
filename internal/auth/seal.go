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
)

// Sealer encrypts short texts for programs that hold the same key. No other program can read or change them. It is
// safe for concurrent use.
type Sealer struct {
	// ciphers are the one that seals, and then the others, which only open.
	ciphers []cipher.AEAD
}

// Sealer returns the Sealer for a purpose. Sealers for different purposes do not open each other's texts.
func (k *Key) Sealer(purpose string) (*Sealer, error) { return newSealer(purpose, k.secrets...) }

// RandomSealer returns a Sealer whose key ends with the process.
func RandomSealer() (*Sealer, error) { return newSealer("", []byte(rand.Text())) }

func newSealer(purpose string, secrets ...[]byte) (*Sealer, error) {
	s := &Sealer{}
	for _, secret := range secrets {
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
		s.ciphers = append(s.ciphers, aead)
	}
	return s, nil
}

// Seal returns the encrypted text, which can be part of a URL or a cookie.
func (s *Sealer) Seal(plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.ciphers[0].Seal(nil, nil, plain, nil))
}

// Open returns what was sealed. It reports false for any other text.
func (s *Sealer) Open(text string) ([]byte, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder ignores
		return nil, false
	}
	for _, aead := range s.ciphers {
		if plain, err := aead.Open(nil, nil, sealed, nil); err == nil {
			return plain, true
		}
	}
	return nil, false
}
