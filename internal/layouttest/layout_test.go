// Package layouttest checks which packages of this module may import which others.
//
// The tables in this folder are the rules: one row per package, with the packages of this module that it can import.
// Tests can import more, but only tests can import rooms that are for tests.
package layouttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const module = "headway/"

// rules maps a package to the packages that it may import. A name that ends in /... allows everything below it.
type rules map[string][]string

// testsOnly are the rooms that only tests may import.
var testsOnly = []string{"examples/internal/workertest", "internal/natstest", "internal/pgtest", "internal/proctest", "internal/s3test", "internal/strangertest", "services/jobs/internal/store/storetest", "internal/bus/bustest",
	"services/importer/internal/store/storetest", "services/importer/internal/target/targettest", "services/edge/internal/tus/tustest"}

// outside are the packages without a rule: programs, benchmarks, end-to-end tests, and examples import what they need,
// and generated code is not written by hand.
var outside = []string{"cmd/...", "bench/...", "e2e/...", "examples/...", "gen/...", "clients/...", "internal/layouttest", "internal/prosetest"}

type goPackage struct {
	Dir, ImportPath, Name              string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
}

func TestDependencyRules(t *testing.T) {
	packages := listPackages(t)
	all := rules{}
	for _, table := range []rules{shared, jobs, importer, edge} {
		for name, allowed := range table {
			if _, twice := all[name]; twice {
				t.Errorf("%s has two rows", name)
			}
			all[name] = allowed
		}
	}
	exists := map[string]bool{}
	broken := map[string]bool{}
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		exists[name] = true
		imports := own(p.Imports)
		for _, imported := range imports {
			if slices.Contains(testsOnly, imported) && !slices.Contains(testsOnly, name) {
				t.Errorf("%s imports %s, which is for tests only", name, imported)
			}
		}
		if within(name, outside) {
			continue
		}
		allowed, known := all[name]
		if !known {
			t.Errorf("%s has no row: add one to the table of its service", name)
			continue
		}
		for _, imported := range imports {
			if within(imported, allowed) {
				continue
			}
			edge := name + " -> " + imported
			broken[edge] = true
			if !slices.Contains(exceptions, edge) {
				t.Errorf("%s may not import %s; it may import: %s", name, imported, strings.Join(allowed, ", "))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !exists[name] {
			t.Errorf("there is a row for %s, but no such package", name)
		}
	}
	for _, edge := range exceptions {
		if !broken[edge] {
			t.Errorf("the exception %q is no longer needed: delete it", edge)
		}
	}
}

// TestServicesAreSeparate checks the one rule that no row of a table can change.
func TestServicesAreSeparate(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range own(slices.Concat(p.Imports, p.TestImports, p.XTestImports)) {
			a, b := service(name), service(imported)
			if a != "" && b != "" && a != b && imported != "services/"+b {
				t.Errorf("%s imports %s: a service never looks inside another", name, imported)
			}
			if strings.HasPrefix(name, "internal/") && (b != "" || strings.HasPrefix(imported, "cmd/")) && imported != "cmd/internal/program" {
				t.Errorf("%s imports %s: shared packages must not depend on services or programs", name, imported)
			}
		}
	}
}

// TestPictureHasEachRoom keeps the picture of docs/architecture.md complete: the box of a service names each of its rooms. A path in
// it is a package.
func TestPictureHasEachRoom(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, picture, _ := strings.Cut(string(text), "\n```\n")
	picture, _, _ = strings.Cut(picture, "\n```\n")
	boxes := map[string]map[string]bool{}
	for _, box := range strings.Split(picture, "┌─ services/")[1:] {
		name, _, _ := strings.Cut(box, " ")
		boxes[name] = map[string]bool{}
		for _, word := range strings.FieldsFunc(box, func(r rune) bool { return r != '/' && !unicode.IsLetter(r) }) {
			room, _, _ := strings.Cut(word, "/")
			boxes[name][word], boxes[name][room] = true, true
		}
	}
	exists := map[string]bool{}
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		room, ok := strings.CutPrefix(name, "services/"+service(name)+"/internal/")
		exists[name], exists[room] = true, true
		room, _, _ = strings.Cut(room, "/")
		if ok && p.Name != "main" && !boxes[service(name)][room] {
			t.Errorf("docs/architecture.md: the picture of services/%s has no %s", service(name), room)
		}
	}
	for service, box := range boxes {
		for word := range box {
			if strings.Contains(word, "/") && !exists[word] && !exists["internal/"+word] {
				t.Errorf("docs/architecture.md: the picture of services/%s has %s, which is not a package", service, word)
			}
		}
	}
}

// listPackages returns the packages of this module.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=Dir,ImportPath,Name,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "headway/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		// Go runs a cached test again if a file that the test itself looks at has changed.
		for _, file := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			if _, err := os.Stat(filepath.Join(p.Dir, file)); err != nil {
				t.Fatal(err)
			}
		}
		packages = append(packages, p)
	}
	if len(packages) < 20 {
		t.Fatalf("go list found %d packages only", len(packages))
	}
	return packages
}

// own returns the imports that belong to this module, without its name. Generated code and clients/go are separate
// modules, and count as well.
func own(imports []string) []string {
	var names []string
	for _, p := range imports {
		if name, ok := strings.CutPrefix(p, module); ok && !strings.HasSuffix(name, ".test") {
			names = append(names, name)
		}
	}
	return names
}

func within(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
			return name == folder || strings.HasPrefix(name, folder+"/")
		}
		return name == pattern
	})
}

// service returns the service that a package belongs to, or "".
func service(name string) string {
	if parts := strings.Split(path.Clean(name), "/"); len(parts) > 1 && parts[0] == "services" {
		return parts[1]
	}
	return ""
}
