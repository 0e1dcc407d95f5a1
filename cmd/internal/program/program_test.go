package program_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/cmd/internal/program"
)

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.8.8:80": true, "[::1]:80": true, "localhost:80": true, "LOCALHOST:0": true,
		"0.0.0.0:80": false, ":80": false, "[::]:80": false, "192.168.0.1:80": false, "example.com:80": false, "nonsense": false,
	} {
		if got := program.Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v", address, got)
		}
	}
}

func TestPublicAddressNeedsKey(t *testing.T) {
	c := program.Common{KeyFlags: program.KeyFlags{Data: t.TempDir()}, LogFormat: "text", LogLevel: "info"}
	_, err := c.Open("127.0.0.1:0", "0.0.0.0:8080")
	var exit *program.ExitError
	if !errors.As(err, &exit) || exit.Code != program.ExitRefused || !strings.Contains(err.Error(), "HEADWAY_KEY") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(c.Data, "signing.key")); err == nil {
		t.Error("a key was made all the same")
	}
	c.Key = "a-real-key-of-at-least-32-bytes-length"
	f, err := c.Open("0.0.0.0:8080")
	if err != nil || f.Local {
		t.Errorf("with a key: %+v, %v", f, err)
	}
}

func TestKeyIsCreatedOnLoopback(t *testing.T) {
	c := program.Common{KeyFlags: program.KeyFlags{Data: t.TempDir()}, LogFormat: "json", LogLevel: "debug"}
	f, err := c.Open("127.0.0.1:0")
	if err != nil || !f.Local || f.Key == nil {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestShortKeyIsRefused(t *testing.T) {
	c := program.Common{KeyFlags: program.KeyFlags{Key: "short"}, LogFormat: "text", LogLevel: "info"}
	if _, err := c.Open("127.0.0.1:0"); err == nil {
		t.Error("taken")
	}
}

func TestPortInUseNamesFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = program.Listen(t.Context(), "--jobs-listen", taken.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "--jobs-listen") || !strings.Contains(err.Error(), "another program") {
		t.Errorf("got %v", err)
	}
}
