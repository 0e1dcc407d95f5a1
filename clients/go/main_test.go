package headway

import (
	"strings"
	"testing"
)

func TestEnvironmentNamesTheService(t *testing.T) {
	for name, c := range map[string]struct {
		env           map[string]string
		target, fails string
	}{
		"nothing":     {env: map[string]string{}, fails: "HEADWAY_TOKEN_FILE"},
		"a token":     {env: map[string]string{"HEADWAY_TOKEN": "t"}, target: "127.0.0.1:9091"},
		"an address":  {env: map[string]string{"HEADWAY_TOKEN_FILE": "f", "HEADWAY_JOBS_ADDRESS": "jobs:1"}, target: "jobs:1"},
		"TLS":         {env: map[string]string{"HEADWAY_TOKEN": "t", "HEADWAY_TLS": "true"}, target: "127.0.0.1:9091"},
		"unknown TLS": {env: map[string]string{"HEADWAY_TOKEN": "t", "HEADWAY_TLS": "maybe"}, fails: "HEADWAY_TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"HEADWAY_TOKEN", "HEADWAY_TOKEN_FILE", "HEADWAY_JOBS_ADDRESS", "HEADWAY_TLS"} {
				t.Setenv(key, c.env[key])
			}
			conn, err := DialEnvironment()
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if conn.Target() != c.target {
				t.Errorf("the target is %s", conn.Target())
			}
		})
	}
}
