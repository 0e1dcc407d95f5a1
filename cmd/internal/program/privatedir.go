package program

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
)

// privateDir creates the data directory, or removes the access of other users to it, because it has keys, workbooks,
// and databases.
func privateDir(path string, logger *slog.Logger) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("create the data directory: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 { // permissions there are no mode bits
		return nil
	}
	if info.Mode()&fs.ModeSticky != 0 { // like /tmp, it is intended to be shared
		return Refuse("the data directory %s is shared by the users of this machine. Choose a private directory with --data", path)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return Refuse("other users of this machine have access to the data directory %s (mode %04o), and it can't be changed: %w. Run: chmod 700 %[1]s", path, info.Mode().Perm(), err)
	}
	logger.Warn("other users had access to the data directory, and the access was removed", "data", path, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	return nil
}
