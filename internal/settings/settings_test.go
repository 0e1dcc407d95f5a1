package settings_test

import (
	"strings"
	"testing"
	"time"

	"headway/internal/settings"
)

type example struct {
	LeaseDuration time.Duration  `help:"…" default:"10s" min:"1s"`
	MaxBytes      int64          `help:"…" default:"4096" min:"512" max:"8192"`
	PerUser       int            `help:"…" default:"64" negative:"no limit"`
	Origins       []string       `help:"…" name:"cors-origins"`
	Name          string         `help:"…" default:"local"`
	KeepFor       time.Duration  `help:"…" default:"24h" name:"upload-ttl"`
	Cache         settings.Bytes `help:"…" default:"1GiB" min:"64KiB" max:"2GiB"`
}

func TestZeroFieldsGetTheirDefaults(t *testing.T) {
	s := example{PerUser: -1, Name: "mine"}
	if err := settings.Complete(&s); err != nil {
		t.Fatal(err)
	}
	if s.LeaseDuration != 10*time.Second || s.MaxBytes != 4096 || s.PerUser != -1 || s.Name != "mine" || s.Cache != 1<<30 || s.KeepFor != 24*time.Hour || s.Origins != nil {
		t.Errorf("got %+v", s)
	}
}

func TestEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("NAME", "elsewhere") // a program reads it, for its flags; a service must not
	t.Setenv("HEADWAY_NAME", "elsewhere")
	var s example
	if err := settings.Complete(&s); err != nil || s.Name != "local" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestErrorsNameTheFlagAndLimit(t *testing.T) {
	for want, s := range map[string]example{
		"--lease-duration is 10ms. The minimum is 1s": {LeaseDuration: 10 * time.Millisecond},
		"--max-bytes is 100. The minimum is 512":      {MaxBytes: 100},
		"--max-bytes is 10000. The maximum is 8192":   {MaxBytes: 10_000},
		"--upload-ttl is -1s. The minimum is 0s":      {KeepFor: -time.Second},
		"--cache is 1KiB. The minimum is 64KiB":       {Cache: 1 << 10},
		"--cache is 3GiB. The maximum is 2GiB":        {Cache: 3 << 30},
	} {
		if err := settings.Complete(&s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestSizesHaveUnits(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "536870912": "512MiB", "512MiB": "512MiB", "2 GiB": "2GiB", "1.5GiB": "1536MiB", "500MB": "500000000", "64kib": "64KiB",
		"-1": "-1", "1TiB": "1TiB", "1000B": "1000",
		"": "error", "2G": "error", "1g": "error", "many": "error", "MiB": "error", "99999999TiB": "error", "-1MiB": "error", "1e400B": "error",
	} {
		var b settings.Bytes
		got := "error"
		if err := b.UnmarshalText([]byte(text)); err == nil {
			got = b.String()
		} else if !strings.Contains(err.Error(), "512MiB") {
			t.Errorf("%q: %v", text, err)
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
