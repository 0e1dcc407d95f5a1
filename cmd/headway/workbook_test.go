package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/cmd/internal/program"
)

func TestTemplateOfUnknownSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "template.xlsx")
	err := (&templateCommand{Schema: "nope", Output: path}).Run()
	var exit *program.ExitError
	if !errors.As(err, &exit) || exit.Code != program.ExitRefused || !strings.Contains(err.Error(), `no schema "nope"`) || !strings.Contains(err.Error(), "workforce") {
		t.Errorf("got %v, want exit code %d and the names of the schemas", err, program.ExitRefused)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("there is a file: %v", err)
	}
}
