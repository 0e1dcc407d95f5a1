package settings

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Bytes is a number of bytes, as in 536870912, 512MiB, 1.5GiB, or 500MB.
type Bytes int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := parseBytes(string(text))
	if err != nil {
		return err
	}
	*b = Bytes(n)
	return nil
}

// String returns the number with its unit, as in 512MiB, if that is exact.
func (b Bytes) String() string {
	for i, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := Bytes(1) << (40 - 10*i); b != 0 && b%size == 0 {
			return strconv.FormatInt(int64(b/size), 10) + unit
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

func parseBytes(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	// "2G" can mean two sizes, so the unit is needed in full.
	if n, err := humanize.ParseBytes(text); err == nil && n <= math.MaxInt64 && strings.HasSuffix(strings.ToLower(text), "b") {
		return int64(n), nil
	}
	return 0, fmt.Errorf("%q is not a size. Enter a number of bytes, or a size with a unit, such as 512MiB or 2GiB", text)
}
