package jsonnum

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckReportsInexactDoubles(t *testing.T) {
	for number, rounded := range map[string]string{
		"0": "", "-1.5": "", "9007199254740992": "", "1e21": "", "100000000000000000000": "", "0.1": "", "1.50000000000000000000": "",
		"0.10000000000000001": "", "1.7976931348623157e308": "",
		"9007199254740993":       "9007199254740992",
		"12345678901234567890":   "12345678901234567000",
		"3.14159265358979323846": "3.141592653589793",
	} {
		err := Check(number)
		var lossy *RoundedError
		if rounded == "" && err != nil || rounded != "" && (!errors.As(err, &lossy) || lossy.Rounded != rounded) {
			t.Errorf("%s gives %v, want %q", number, err, rounded)
		}
	}
	var large *TooLargeError
	for _, number := range []string{"1e309", "-1e999", strings.Repeat("9", 400)} {
		if err := Check(number); !errors.As(err, &large) {
			t.Errorf("%.20s gives %v", number, err)
		}
	}
}
