package governor

import (
	"bufio"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// Default returns the default memory budget of a process: half of the memory of its cgroup or, if that has no limit, of
// the machine. It returns fallback if neither is known.
func Default(fallback int64) int64 {
	limit := machineMemory()
	if group := cgroupLimit("/sys/fs/cgroup", "/proc/self/cgroup"); group > 0 && (limit == 0 || group < limit) {
		limit = group
	}
	if limit == 0 {
		return fallback
	}
	return limit / 2
}

// SetSoftLimit makes Go's garbage collector keep the process below a number of bytes, if possible. A limit in the
// environment variable GOMEMLIMIT takes precedence.
func SetSoftLimit(bytes int64) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(bytes)
	}
}

// cgroupLimit returns the lowest limit of the process's cgroup and of those above it (version 2), or that of version 1. It
// returns 0 if there is no limit.
func cgroupLimit(root, membership string) int64 {
	limit := int64(0)
	lower := func(file string) {
		if n := readBytes(file); n > 0 && n < 1<<60 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	group := "/"
	if data, err := os.ReadFile(membership); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				group = path.Clean("/" + name)
			}
		}
	}
	for ; ; group = path.Dir(group) {
		lower(path.Join(root, group, "memory.max"))
		if group == "/" {
			break
		}
	}
	lower(path.Join(root, "memory", "memory.limit_in_bytes"))
	return limit
}

// readBytes returns the number in a file, or 0.
func readBytes(file string) int64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0 // "max"
	}
	return n
}

// machineMemory returns the memory of the machine, or 0 if it is not known.
func machineMemory() int64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "MemTotal:" {
			if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
