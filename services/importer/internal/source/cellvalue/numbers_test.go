package cellvalue

import (
	"strconv"
	"strings"
	"testing"
)

func TestNumbersAreTheirDecimalText(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "000": "0", "7": "7", "-7": "-7", "+7": "7", "007": "7",
		"1.50": "1.5", "1.": "1", ".5": "0.5", "-.5": "-0.5", "0.00012": "0.00012", "100": "100", "100.0": "100",
		"1E3": "1000", "1e-3": "0.001", "1.25E+2": "125", "-1.5e-7": "-0.00000015", "1.5E+15": "1500000000000000",
		"9380.280000000001": "9380.28", "0.1": "0.1", "0.30000000000000004": "0.3", "2.2999999999999998": "2.3",
		"43831.999988425923":         "43831.999988425923",
		"123456789012345":            "123456789012345",
		"1234567890123456":           "1234567890123456",
		"12345678901234567890123456": "12345678901234567890123456",
		"-9007199254740993":          "-9007199254740993",
		"1234567890123456.5":         "1234567890123456.5",
		"1.2345678901234567E+16":     "12345678901234567",
		"12345678901234.56":          "12345678901234.56",
		"1234567890123.4567":         "1234567890123.4567",
		"12345678901200.01":          "12345678901200.01",
		"0.123456789012345678":       "0.123456789012345678",
		"434.99999999999994":         "435",
		"33.300000000000026":         "33.3",
		"0.33333333333333331":        "0.33333333333333331",
		"48.858370000000001":         "48.85837",
		"2.0000000000000001E-2":      "0.02",
		"0.000000000000000123456789": "0.000000000000000123456789",
		"1e300":                      "1" + strings.Repeat("0", 300),
		"1.7976931348623157E+308":    "179769313486232" + strings.Repeat("0", 294),
		"5e-324":                     "0." + strings.Repeat("0", 323) + "494065645841247",
	} {
		got, ok := AppendNumber(nil, []byte(in))
		if !ok || string(got) != want {
			t.Errorf("%s is %q (%v), want %q", in, got, ok, want)
		}
		short := !strings.Contains(in, ".") || len(strings.TrimLeft(strings.ReplaceAll(in, ".", ""), "-0")) <= significantDigits
		if IsCanonical([]byte(in)) != (in == want && short) {
			t.Errorf("%s counts as canonical: %v", in, in != want)
		}
	}
}

func TestInvalidNumbersAreRecognized(t *testing.T) {
	for _, in := range []string{"", "-", ".", "e5", "1e", "1e+", "NaN", "INF", "-INF", "1,5", "1 2", "0x10", "1e999", "1e99999999", "1_000", "--1", "١"} {
		if got, ok := AppendNumber(nil, []byte(in)); ok {
			t.Errorf("%q counts as the number %q", in, got)
		}
		if IsCanonical([]byte(in)) {
			t.Errorf("%q counts as canonical", in)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "9380.280000000001", "1e300", "123456789012345678", ".5e-7", "NaN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, ok := AppendNumber(nil, []byte(in))
		if IsCanonical([]byte(in)) && (!ok || string(got) != in) {
			t.Fatalf("%q is canonical and becomes %q", in, got)
		}
		if !ok {
			return
		}
		want, err := strconv.ParseFloat(in, 64)
		if err != nil {
			t.Fatalf("%q is not a number and becomes %q", in, got)
		}
		back, err := strconv.ParseFloat(string(got), 64)
		if err != nil || strconv.FormatFloat(back+0, 'e', 14, 64) != strconv.FormatFloat(want+0, 'e', 14, 64) {
			t.Fatalf("%q becomes %q", in, got)
		}
		again, ok := AppendNumber(nil, got)
		if !ok || string(again) != string(got) {
			t.Fatalf("%q becomes %q becomes %q", in, got, again)
		}
	})
}
