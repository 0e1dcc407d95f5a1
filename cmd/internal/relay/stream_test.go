package relay

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func read(t *testing.T, stream messages) (all []string, err error) {
	t.Helper()
	for {
		message, err := stream.next()
		if err != nil {
			return all, err
		}
		all = append(all, string(message))
	}
}

func TestEventsAreReadAsByBrowsers(t *testing.T) {
	for text, want := range map[string][]string{
		"data: a\n\ndata:b\n\n":                      {"a", "b"},
		"data: a\r\n\r\ndata: b\r\rdata: c\n\n":      {"a", "b", "c"},
		": comment\nid: 1\nevent: x\ndata: a\n\n":    {"a"},
		"data: a\ndata:  b\n\n":                      {"a\n b"},
		"retry: 10\n\n\ndata\n\ndata: \n\n":          {"", ""},
		"data: whole\n\ndata: cut off at the end\n":  {"whole"},
		"datax: a\nxdata: b\ndata: \u00fc\u20ac\n\n": {"ü€"},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			got, err := read(t, newEvents(r))
			if !slices.Equal(got, want) || !errors.Is(err, io.EOF) {
				t.Errorf("%q read %s: got %q, %v", text, name, got, err)
			}
		}
	}
}

func TestLinesSkipBlanksAndKeepTheLastOne(t *testing.T) {
	got, err := read(t, newLines(strings.NewReader("{}\n\n \r\n{\"a\":1}\r\nlast")))
	if want := []string{"{}\n", "{\"a\":1}\r\n", "last"}; !slices.Equal(got, want) || !errors.Is(err, io.EOF) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMessagesAboveTheLimitAreRejected(t *testing.T) {
	long := strings.Repeat("x", maxMessage-100)
	for name, stream := range map[string]messages{
		"an event of one line": newEvents(strings.NewReader("data: " + long + long + "\n\n")),
		"an event of lines":    newEvents(strings.NewReader("data: " + long + "\ndata: " + long + "\n\n")),
		"a line":               newLines(strings.NewReader(long + long + "\n")),
	} {
		if got, err := read(t, stream); len(got) != 0 || !errors.Is(err, bufio.ErrTooLong) {
			t.Errorf("%s: got %d messages, %v", name, len(got), err)
		}
	}
}

func TestUpdatesAreRecognized(t *testing.T) {
	for text, want := range map[string]bool{
		`{"status":"processing","progress":3.5}`: true, `{ "status": "processing" }`: true, `{"status":"COMPLETED"}`: true, `{"status":"error","message":"x"}`: true,
		`{"status":"active"}`: false, `{"text":"processing"}`: false, `"processing"`: false, `[]`: false, `{`: false, `{"status":1}`: false,
		`{"status":"processing","progress":"half"}`: false,
	} {
		if _, ok := parseUpdate([]byte(text)); ok != want {
			t.Errorf("%s: got %v", text, ok)
		}
	}
}
