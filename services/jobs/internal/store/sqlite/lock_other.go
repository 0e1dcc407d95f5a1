//go:build !unix

package sqlite

import (
	"fmt"
	"os"
)

// lock opens the lock file of the database. On this system, it does not exclude other processes.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the jobs database: %w", err)
	}
	return f, nil
}
