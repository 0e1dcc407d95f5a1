// Package targets assigns schemas to databases, by the operator's file, and passes each run to the database of its schema.
package targets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"headway/services/importer/internal/imports"
)

// maxFileBytes limits the file.
const maxFileBytes = 1 << 20

// Config is the content of a file.
type Config struct {
	// Targets are the databases, by name.
	Targets map[string]*Database `yaml:"targets"`
	// Default is the target of schemas that are not listed. If it is empty, they can't be imported.
	Default string `yaml:"default"`
	// Schemas are the rules of schemas, by name.
	Schemas map[string]*Rules `yaml:"schemas"`
}

// Database is a database. It has either a file or a URL.
type Database struct {
	// File is an SQLite file. A relative path is relative to the folder of the configuration.
	File string `yaml:"file"`
	// URL is the address of a PostgreSQL database, without the password.
	URL string `yaml:"url"`
	// PasswordFile has the password. It is read for each connection, so that a password can be replaced.
	PasswordFile string `yaml:"password_file"`
	// Manage determines what imports may change in its tables. The default is extend.
	Manage imports.Manage `yaml:"manage"`
	// LockTimeout is how long a change of a table can wait for other programs. The default is 3 seconds.
	LockTimeout Duration `yaml:"lock_timeout"`
}

// Rules are the rules of a schema.
type Rules struct {
	// Target is the name of its database. The default is the default target.
	Target string `yaml:"target"`
	// Users are the subjects that can import with it. If it is empty, all users whose tokens allow the schema can.
	Users []string `yaml:"users"`
}

// Duration is a duration such as 3s.
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v <= 0 {
		return fmt.Errorf("line %d: %q is not a duration. Use a positive one, such as 500ms or 3s", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

const defaultLockTimeout = 3 * time.Second

// Single is the configuration with one database for all schemas: a file, or the URL of a database.
func Single(records string) *Config {
	d := &Database{}
	if isURL(records) {
		d.URL = records
	} else {
		d.File = records
	}
	d.complete()
	return &Config{Targets: map[string]*Database{"records": d}, Default: "records"}
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// Load reads and checks a file.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes, the maximum", path, maxFileBytes)
	}
	c := &Config{}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithKnownFields())
	if err == nil {
		err = loader.Load(c)
	}
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is empty. List at least one database under targets", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.check(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// check returns every problem, and completes the databases.
func (c *Config) check(folder string) error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(c.Targets) == 0 {
		add("there are no targets. List at least one database under targets")
	}
	files := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Targets)) {
		d := c.Targets[name]
		if d == nil {
			add("the target %s is empty. Set file or url", name)
			continue
		}
		if err := d.check(); err != nil {
			add("the target %s: %w", name, err)
		}
		d.complete()
		if d.File != "" && !filepath.IsAbs(d.File) {
			d.File = filepath.Join(folder, d.File)
		}
		if d.PasswordFile != "" && !filepath.IsAbs(d.PasswordFile) {
			d.PasswordFile = filepath.Join(folder, d.PasswordFile)
		}
		if other := files[d.File]; d.File != "" && other != "" {
			add("the targets %s and %s have the same file. Use one of the two for all of their schemas", other, name)
		}
		files[d.File] = name
	}
	if c.Default != "" && c.Targets[c.Default] == nil {
		add("the default target %q is not one of the targets: %s", c.Default, strings.Join(slices.Sorted(maps.Keys(c.Targets)), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Schemas)) {
		switch r := c.Schemas[name]; {
		case r == nil:
			add("the schema %s has no rules. Set target or users, or delete it", name)
		case r.Target == "" && c.Default == "":
			add("the schema %s has no target, and there is no default", name)
		case r.Target != "" && c.Targets[r.Target] == nil:
			add("the schema %s has the target %q, which is not one of the targets: %s", name, r.Target, strings.Join(slices.Sorted(maps.Keys(c.Targets)), ", "))
		}
	}
	return errors.Join(problems...)
}

// check returns what is wrong with a database.
func (d *Database) check() error {
	switch {
	case (d.File == "") == (d.URL == ""):
		return errors.New("set either file (SQLite) or url (PostgreSQL)")
	case d.File != "" && d.PasswordFile != "":
		return errors.New("an SQLite file has no password. Delete password_file")
	case d.URL != "" && !isURL(d.URL):
		return errors.New("url must begin with postgres://")
	case d.Manage != "" && !slices.Contains(imports.Manages, d.Manage):
		return fmt.Errorf("manage is %q. Use extend, create, or never", d.Manage)
	}
	return nil
}

func (d *Database) complete() {
	if d.Manage == "" {
		d.Manage = imports.ManageExtend
	}
	if d.LockTimeout == 0 {
		d.LockTimeout = Duration(defaultLockTimeout)
	}
}
