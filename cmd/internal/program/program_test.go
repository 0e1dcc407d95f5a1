package program_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"headway/cmd/internal/program"
	"headway/internal/auth"
)

func TestIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.8.8:80": true, "[::1]:80": true, "localhost:80": true, "LOCALHOST:0": true,
		"0.0.0.0:80": false, ":80": false, "[::]:80": false, "192.168.0.1:80": false, "example.com:80": false, "nonsense": false,
	} {
		if got := program.IsLoopback(address); got != want {
			t.Errorf("IsLoopback(%q) = %v", address, got)
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
	t.Setenv("HEADWAY_KEY", "a-real-key-of-at-least-32-bytes-length")
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
	t.Setenv("HEADWAY_KEY", "short")
	c := program.Common{KeyFlags: program.KeyFlags{Data: t.TempDir()}, LogFormat: "text", LogLevel: "info"}
	if _, err := c.Open("127.0.0.1:0"); err == nil {
		t.Error("taken")
	}
}

func TestKeyOnCommandLineIsRefused(t *testing.T) {
	args, stderr := os.Args, os.Stderr
	defer func() { os.Args, os.Stderr = args, stderr }()
	for _, flag := range [][]string{{"--key", "a-real-key-of-at-least-32-bytes-length"}, {"--key=a-real-key-of-at-least-32-bytes-length"}} {
		file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		os.Args, os.Stderr = append([]string{"headway"}, flag...), file
		code := program.Main("headway", "", &struct{}{})
		text, err := os.ReadFile(file.Name())
		if err != nil || code != program.ExitRefused || !strings.Contains(string(text), "--key-file") || strings.Contains(string(text), "a-real-key") {
			t.Errorf("%v: exit code %d, %s %v", flag, code, text, err)
		}
	}
}

func TestUsageErrorNamesTheCommand(t *testing.T) {
	args, stderr := os.Args, os.Stderr
	defer func() { os.Args, os.Stderr = args, stderr }()
	for want, args := range map[string][]string{
		"Run 'headway mapping get --help' for usage.": {"mapping", "get"},
		"Run 'headway --help' for usage.":             {"bogus"},
	} {
		file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		os.Args, os.Stderr = append([]string{"headway"}, args...), file
		code := program.Main("headway", "", &struct {
			Mapping struct {
				Get struct {
					Name string `arg:"" help:"Name."`
				} `cmd:"" help:"Get."`
			} `cmd:"" help:"Mappings."`
		}{})
		text, err := os.ReadFile(file.Name())
		if err != nil || code != program.ExitRefused || !strings.Contains(string(text), want) {
			t.Errorf("%v: exit code %d, %s %v, want %s", args, code, text, err, want)
		}
	}
}

func TestHelpHasTheDefaults(t *testing.T) {
	var out strings.Builder
	parser, err := program.NewParser("headway", "", &struct {
		Data    string        `help:"Data directory." default:"./data" placeholder:"DIR"`
		KeyFile string        `help:"File with a key." placeholder:"FILE"`
		Retry   time.Duration `help:"How long to wait." default:"3s"`
	}{}, kong.Writers(&out, &out), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = parser.Parse([]string{"--help"})
	help := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"--data=DIR Data directory. Default: ./data ($HEADWAY_DATA).",
		"--key-file=FILE File with a key ($HEADWAY_KEY_FILE).",
		"--retry=3s How long to wait ($HEADWAY_RETRY).",
	} {
		if !strings.Contains(help, want) {
			t.Errorf("%s\nlacks %s", out.String(), want)
		}
	}
}

func TestKeyFileIsPrivate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("a-real-key-of-at-least-32-bytes-length\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := program.Common{KeyFlags: program.KeyFlags{Data: t.TempDir(), KeyFile: file}, LogFormat: "text", LogLevel: "info"}
	if env, err := c.Open("0.0.0.0:8080"); err != nil || env.Local {
		t.Errorf("with a key file: %+v, %v", env, err)
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "chmod 600 "+file) {
		t.Errorf("readable by others: %v", err)
	}
}

func TestDataDirectoryIsPrivate(t *testing.T) {
	dir := t.TempDir()
	c := program.Common{KeyFlags: program.KeyFlags{Data: dir}, LogFormat: "text", LogLevel: "error"}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	var exit *program.ExitError
	if _, err := c.Open("127.0.0.1:0"); !errors.As(err, &exit) || exit.Code != program.ExitRefused {
		t.Errorf("a shared directory: %v", err)
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

func TestTokensAllowNothingByDefaultInPublic(t *testing.T) {
	t.Setenv("HEADWAY_KEY", "a-real-key-of-at-least-32-bytes-length")
	for name, test := range map[string]struct {
		listen             []string
		flags              program.RightsFlags
		read, file, schema bool
	}{
		"loopback":          {[]string{"127.0.0.1:0", "[::1]:0"}, program.RightsFlags{}, true, true, true},
		"one address of it": {[]string{"127.0.0.1:0", "0.0.0.0:0"}, program.RightsFlags{}, true, false, false},
		"set for all":       {[]string{"0.0.0.0:0"}, program.RightsFlags{DefaultScopes: []string{"*"}, DefaultSchemas: []string{"*"}}, true, true, true},
		"set for some":      {[]string{"0.0.0.0:0"}, program.RightsFlags{DefaultScopes: []string{"headway:import"}, DefaultSchemas: []string{"workforce"}}, false, true, true},
		"set for none":      {[]string{"127.0.0.1:0"}, program.RightsFlags{DefaultScopes: []string{"none"}, DefaultSchemas: []string{"none"}}, false, false, false},
	} {
		c := program.Common{KeyFlags: program.KeyFlags{Data: t.TempDir()}, RightsFlags: test.flags, LogFormat: "text", LogLevel: "error"}
		env, err := c.Open(test.listen...)
		if err != nil {
			t.Fatal(err)
		}
		token, err := env.Key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		id, err := env.Verifier.Verify(t.Context(), token)
		if err != nil || id.May(auth.ScopeRead) != test.read || id.May(auth.ScopeImport) != test.file || id.MayImport("workforce") != test.schema {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	for _, flags := range []program.RightsFlags{{DefaultScopes: []string{"headway:admin"}}, {DefaultKinds: []string{"*", "crawl"}}, {ClockSkew: time.Hour}} {
		c := program.Common{KeyFlags: program.KeyFlags{Data: t.TempDir()}, RightsFlags: flags, LogFormat: "text", LogLevel: "error"}
		if _, err := c.Open("127.0.0.1:0"); err == nil {
			t.Errorf("%+v is taken", flags)
		}
	}
}
