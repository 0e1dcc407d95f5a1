package settings_test

import (
	"strings"
	"testing"
	"time"

	"headway/internal/settings"
)

type example struct {
	LeaseDuration time.Duration `help:"…" default:"10s" min:"1s"`
	MaxBytes      int64         `help:"…" default:"4096" min:"512" max:"8192"`
	PerUser       int           `help:"…" default:"64" negative:"no limit"`
	Origins       []string      `help:"…" name:"cors-origins"`
	Name          string        `help:"…" default:"local"`
	KeepFor       time.Duration `help:"…" default:"24h" name:"upload-ttl"`
}

func TestZeroFieldsGetTheirDefaults(t *testing.T) {
	s := example{PerUser: -1, Name: "mine"}
	if err := settings.Complete(&s); err != nil {
		t.Fatal(err)
	}
	if s.LeaseDuration != 10*time.Second || s.MaxBytes != 4096 || s.PerUser != -1 || s.Name != "mine" || s.KeepFor != 24*time.Hour || s.Origins != nil {
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
		"--lease-duration is 10ms; the minimum is 1s": {LeaseDuration: 10 * time.Millisecond},
		"--max-bytes is 100; the minimum is 512":      {MaxBytes: 100},
		"--max-bytes is 10000; the maximum is 8192":   {MaxBytes: 10_000},
		"--upload-ttl is -1s; the minimum is 0s":      {KeepFor: -time.Second},
	} {
		if err := settings.Complete(&s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
