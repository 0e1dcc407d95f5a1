package auth

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"headway/internal/watched"
)

// LoadKey reads a file with secrets, one per line. It returns an error if every user of this machine can read the file. Watch
// reads it again after changes.
func LoadKey(path string) (*Key, error) {
	file, err := watched.Open(func() (*ring, error) { return readRing(path) }, path)
	if err != nil {
		return nil, err
	}
	read, err := file.Get()
	if err != nil {
		return nil, err
	}
	k, err := NewKey(read.secrets...)
	if err != nil {
		return nil, err
	}
	k.file = file
	k.ring.Store(read)
	return k, nil
}

func readRing(path string) (*ring, error) {
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
	return &ring{secrets}, nil
}

// keyFileInterval is the interval at which Watch looks at the file.
const keyFileInterval = time.Second

// Watch reads the file of the key again whenever it changes, until ctx is done. While the new file can't be used, the previous
// secrets stay in use. A key that doesn't come from a file never changes.
func (k *Key) Watch(ctx context.Context, logger *slog.Logger) {
	if k.file == nil {
		return
	}
	k.file.Log(logger, "key file", func(r *ring) []any { return []any{"keys", len(r.secrets)} })
	tick := time.NewTicker(keyFileInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = k.reload() // logged
		}
	}
}

// reload reads the file of the key if it has changed. An error means that the present file can't be used.
func (k *Key) reload() error {
	if k.file == nil {
		return nil
	}
	k.reloading.Lock()
	defer k.reloading.Unlock()
	now, err := k.file.Get()
	if now == k.ring.Load() {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ring.Store(now)
	k.verified = nil // a secret of one of these tokens may be gone
	return err
}
