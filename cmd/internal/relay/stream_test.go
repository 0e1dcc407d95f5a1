package relay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"headway/clients/go"
)

func read(stream messages) (all []string, err error) {
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
		"\ufeffdata: a\n\n\ufeffdata: b\n\n":         {"a"},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			t.Run(fmt.Sprintf("%q %s", text, name), func(t *testing.T) {
				got, err := read(newEvents(r))
				if !slices.Equal(got, want) || !errors.Is(err, io.EOF) {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
	}
}

func TestLinesSkipBlanksAndKeepTheLastOne(t *testing.T) {
	got, err := read(newLines(strings.NewReader("{}\n\n \r\n{\"a\":1}\r\nlast")))
	if want := []string{"{}\n", "{\"a\":1}\r\n", "last"}; !slices.Equal(got, want) || !errors.Is(err, io.EOF) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMessagesUpToTheLimitAreRead(t *testing.T) {
	line := strings.Repeat("x", maxMessage-len("data: \n"))
	half := strings.Repeat("x", maxMessage/2)
	for name, c := range map[string]struct {
		stream messages
		want   string // "" if the message is too long
	}{
		"event of one line":            {newEvents(strings.NewReader("data: " + line + "\n\n")), line},
		"event of one line, too long":  {newEvents(strings.NewReader("data: " + line + "x\n\n")), ""},
		"event of two lines":           {newEvents(strings.NewReader("data: " + half + "\ndata: " + half[1:] + "\n\n")), half + "\n" + half[1:]},
		"event of two lines, too long": {newEvents(strings.NewReader("data: " + half + "\ndata: " + half + "\n\n")), ""},
		"line":                         {newLines(strings.NewReader("data: " + line + "\n")), "data: " + line + "\n"},
		"line, too long":               {newLines(strings.NewReader("data: " + line + "x\n")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(c.stream)
			if c.want == "" {
				if len(got) != 0 || !errors.Is(err, bufio.ErrTooLong) {
					t.Errorf("got %d messages, %v", len(got), err)
				}
			} else if !slices.Equal(got, []string{c.want}) || !errors.Is(err, io.EOF) {
				t.Errorf("got %d messages, %v", len(got), err)
			}
		})
	}
}

func TestUpdatesAreRecognized(t *testing.T) {
	for text, want := range map[string]headway.Update{
		`{"status":"processing","progress":3.5}`: {Status: headway.Processing, Progress: 3.5},
		`{ "status": "processing" }`:             {Status: headway.Processing},
		`{"status":"COMPLETED","data":[1]}`:      {Status: headway.Completed, Data: []any{1.0}},
		`{"status":"error","message":"x"}`:       {Status: headway.Failed, Message: "x"},
	} {
		t.Run(text, func(t *testing.T) {
			if got, ok := parseUpdate([]byte(text)); !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
	for _, text := range []string{
		`{"status":"active"}`, `{"text":"processing"}`, `"processing"`, `[]`, `{`, `{"status":1}`,
		`{"status":"processing","progress":"half"}`,
	} {
		t.Run(text, func(t *testing.T) {
			if got, ok := parseUpdate([]byte(text)); ok {
				t.Errorf("got %+v", got)
			}
		})
	}
}
