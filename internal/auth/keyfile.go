package auth

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"headway/internal/watched"
)

// keyFile is a file with secrets, one per line.
type keyFile struct {
	path string

	mu sync.Mutex
	// versions are those of the file that was read last.
	versions watched.Versions
	// failure is why the present file can't be used, or nil. Then it is read again each time, because its permissions, for
	// example, are not part of its version.
	failure error
}

// LoadKey reads a file with secrets, one per line. It returns an error if every user of this machine can read the file. Watch
// reads it again after changes.
func LoadKey(path string) (*Key, error) {
	versions := watched.Look(path)
	secrets, err := readSecrets(path)
	if err != nil {
		return nil, err
	}
	k, err := NewKey(secrets...)
	if err != nil {
		return nil, err
	}
	k.file.path, k.file.versions = path, versions
	return k, nil
}

func readSecrets(path string) ([][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 { // permissions there are no mode bits
		return nil, fmt.Errorf("every user of this machine has access to the key file %s (mode %04o). To fix this, run: chmod 600 %[1]s", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	secrets := secretsIn(string(text))
	if err := checkSecrets(secrets); err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return secrets, nil
}

// keyFileInterval is the interval at which Watch looks at the file.
const keyFileInterval = time.Second

// Watch reads the file of the key again whenever it changes, until ctx is done. While the new file can't be used, the previous
// secrets stay in use. A key that doesn't come from a file never changes.
func (k *Key) Watch(ctx context.Context, logger *slog.Logger) {
	if k.file.path == "" {
		return
	}
	tick := time.NewTicker(keyFileInterval)
	defer tick.Stop()
	used, reported := k.ring.Load(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := k.reload(); err != nil {
			if err.Error() != reported {
				reported = err.Error()
				logger.ErrorContext(ctx, "can't use the new key file, continuing with the previous keys", "error", err)
			}
			continue
		}
		reported = ""
		if now := k.ring.Load(); now != used {
			used = now
			logger.InfoContext(ctx, "reloaded the key file", "file", k.file.path, "keys", len(now.secrets))
		}
	}
}

// reload reads the file of the key if it has changed. An error means that the present file can't be used.
func (k *Key) reload() error {
	f := &k.file
	if f.path == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	versions := watched.Look(f.path)
	if f.failure == nil && versions.Equal(f.versions) {
		return nil
	}
	secrets, err := readSecrets(f.path)
	f.versions, f.failure = versions, err
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ring.Store(&ring{secrets})
	k.verified = nil // a secret of one of these tokens may be gone
	return nil
}
