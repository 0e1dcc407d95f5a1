package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// versionCommand prints what this program was built from.
type versionCommand struct{}

// Run prints one line.
func (c *versionCommand) Run(context.Context) error {
	_, err := fmt.Println(version())
	return err
}

// version describes the build: the version of the module, the commit if it was built in a repository, and the Go release.
func version() string {
	parts := []string{"headway"}
	if info, ok := debug.ReadBuildInfo(); ok {
		parts = append(parts, info.Main.Version)
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if commit := settings["vcs.revision"]; commit != "" {
			if settings["vcs.modified"] == "true" {
				commit += " (modified)"
			}
			parts = append(parts, "commit "+commit)
		}
	}
	return strings.Join(append(parts, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH), " ")
}
