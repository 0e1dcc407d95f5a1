package webjson

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
)

func TestJSONThatWouldChangeIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": 9007199254740992, "b": -9007199254740992, "c": 1e21, "d": 100000000000000000000}`:         "",
		`{"a": 0.1, "b": 0.10000000000000001, "c": 1.7976931348623157e308, "d": 1.50000000000000000000}`: "",
		`{"a": [9007199254740993]}`:       "9007199254740993 would become 9007199254740992",
		`{"a": 12345678901234567890}`:     "12345678901234567890 would become 12345678901234567000",
		`{"a": 3.14159265358979323846}`:   "would become 3.141592653589793",
		`{"a": 1e999}`:                    "1e999 is too large",
		`{"a": 1, "b": {"c": 2, "c": 3}}`: `the name "c" twice`,
		`{"a": 1} {}`:                     "text after the value",
		`{"a": [1, 2}`:                    "error at byte 11",
		`{"a": `:                          "ends too early",
		strings.Repeat(`{"a":`, 101) + `1` + strings.Repeat(`}`, 101): "levels deep",
	} {
		err := Unmarshal([]byte(text), new(structpb.Struct))
		if want == "" {
			if err != nil {
				t.Errorf("%.60s: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}
