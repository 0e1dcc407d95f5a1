package access

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"headway/internal/atomicfile"
)

// Revoked is the list of tokens whose sessions were signed out before they expired. It is stored in a file, so that they
// stay invalid after a restart. It is safe for concurrent use.
type Revoked struct {
	file string

	mu     sync.Mutex
	tokens map[[sha256.Size]byte]revocation
}

// revocation has the time when a token becomes invalid, and the time when it would have expired.
type revocation struct{ ends, expires time.Time }

// clockLeeway is the maximum time after its expiry for which a token is accepted.
const clockLeeway = time.Minute

// OpenRevoked reads the list from a file, which doesn't have to exist. Without a file name, the list is in memory only.
func OpenRevoked(file string) (*Revoked, error) {
	r := &Revoked{file: file, tokens: make(map[[sha256.Size]byte]revocation)}
	if file == "" {
		return r, nil
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the revoked sessions: %w", err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		sum, seconds, _ := strings.Cut(lines.Text(), " ")
		digest, err := hex.DecodeString(sum)
		expires, numberErr := strconv.ParseInt(seconds, 10, 64)
		if err != nil || numberErr != nil || len(digest) != sha256.Size {
			return nil, fmt.Errorf("read the revoked sessions: %s has an invalid line: %q", file, lines.Text())
		}
		r.tokens[[sha256.Size]byte(digest)] = revocation{expires: time.Unix(expires, 0)}
	}
	return r, r.write(time.Now())
}

// Add revokes a token that expires at expires. It becomes invalid at the time ends.
func (r *Revoked) Add(token string, ends, expires time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens[sha256.Sum256([]byte(token))] = revocation{ends, expires}
	return r.write(time.Now())
}

// Has reports whether a token was revoked.
func (r *Revoked) Has(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, listed := r.tokens[sha256.Sum256([]byte(token))]
	return listed && !time.Now().Before(found.ends)
}

// write replaces the file, without the tokens that have expired.
func (r *Revoked) write(now time.Time) error {
	maps.DeleteFunc(r.tokens, func(_ [sha256.Size]byte, found revocation) bool {
		return now.After(found.expires.Add(clockLeeway))
	})
	if r.file == "" {
		return nil
	}
	err := atomicfile.Write(r.file, 0o600, func(w io.Writer) error {
		for digest, found := range r.tokens {
			if _, err := fmt.Fprintf(w, "%x %d\n", digest, found.expires.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store the revoked sessions: %w", err)
	}
	return nil
}
