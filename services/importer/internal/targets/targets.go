package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"headway/internal/hostname"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/naming"
	"headway/services/importer/internal/target/postgres"
	"headway/services/importer/internal/target/sqlite"
)

// Set has the databases of a configuration. It is an imports.Target that passes each run to the database of its schema. Runs into
// different databases do not wait for each other.
type Set struct {
	config  *Config
	targets map[string]imports.Target
}

// Open opens the databases. Those with a URL can be out of reach.
func Open(ctx context.Context, c *Config) (_ *Set, err error) {
	s := &Set{config: c, targets: map[string]imports.Target{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(c.Targets)) {
		t, err := open(ctx, c.Targets[name])
		if err != nil {
			return nil, fmt.Errorf("the target %s: %w", name, err)
		}
		s.targets[name] = t
	}
	return s, nil
}

// open opens a database.
func open(ctx context.Context, d *Database) (imports.Target, error) {
	if d.URL == "" {
		t, err := sqlite.Open(ctx, d.File, sqlite.Options{Manage: d.Manage})
		if err != nil {
			return nil, err // not a nil pointer in an interface
		}
		return naming.Target(t, naming.Config{Plain: true}), nil
	}
	t, err := openPostgres(d)
	if err != nil {
		return nil, err
	}
	return naming.Target(t, naming.Config{}), nil
}

func openPostgres(d *Database) (*postgres.Target, error) {
	o := postgres.Options{Manage: d.Manage, LockTimeout: time.Duration(d.LockTimeout)}
	if d.PasswordFile != "" {
		o.Password = func() (string, error) { return readPassword(d.PasswordFile) }
		if _, err := o.Password(); err != nil {
			return nil, err
		}
	}
	address, err := verified(d.URL)
	if err != nil {
		return nil, err
	}
	return postgres.New(address, o)
}

// verified adds sslmode=verify-full to the URL of another machine that has no sslmode. Otherwise, a server without TLS, or
// a machine in between, would get the rows.
func verified(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the url is not valid") // the error would have its password
	}
	query := u.Query()
	host := cmp.Or(u.Hostname(), query.Get("host"))
	if host == "" || strings.HasPrefix(host, "/") || hostname.IsLoopback(host) || query.Has("sslmode") {
		return address, nil
	}
	query.Set("sslmode", "verify-full")
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// readPassword returns the first line of a file.
func readPassword(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the file with the password: %w", err)
	}
	password, _, _ := strings.Cut(string(data), "\n")
	if password = strings.TrimSuffix(password, "\r"); password == "" {
		return "", fmt.Errorf("the file with the password, %s, has an empty first line", path)
	}
	return password, nil
}

// Begin implements imports.Target.
func (s *Set) Begin(ctx context.Context, run imports.Run, waiting func(int)) (imports.TargetTx, error) {
	t, err := s.of(run.Schema)
	if err != nil {
		return nil, err
	}
	return t.Begin(ctx, run, waiting)
}

// Plan implements imports.Target.
func (s *Set) Plan(ctx context.Context, of *schema.Schema) ([]imports.Change, error) {
	t, err := s.of(of)
	if err != nil {
		return nil, err
	}
	return t.Plan(ctx, of)
}

// Migrate implements imports.Target.
func (s *Set) Migrate(ctx context.Context, of *schema.Schema, plan []imports.Change) error {
	t, err := s.of(of)
	if err != nil {
		return err
	}
	return t.Migrate(ctx, of, plan)
}

// Ping implements imports.Target. It returns an error if any of the databases can't be used.
func (s *Set) Ping(ctx context.Context) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.targets)) {
		if err := s.targets[name].Ping(ctx); err != nil {
			errs = append(errs, fmt.Errorf("the target %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// Close implements imports.Target.
func (s *Set) Close() error {
	var errs []error
	for _, t := range s.targets {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

// of returns the database of a schema.
func (s *Set) of(of *schema.Schema) (imports.Target, error) {
	t := s.targets[s.config.NameOf(of.Name)]
	if t == nil {
		return nil, &imports.TableConflictError{Table: of.Name, Detail: "its schema has no target. Add one to the targets file"}
	}
	return t, nil
}

// NameOf returns the name of the database of a schema, or nothing if the schema has none.
func (c *Config) NameOf(schema string) string {
	if r := c.Schemas[schema]; r != nil && r.Target != "" {
		return r.Target
	}
	return c.Default
}

// WritesAtEnd reports whether the rows of a schema are written after all of them were read. PostgreSQL gets them at the end, because an
// import that is not committed must not leave dead rows in its tables. SQLite gets them while the file is read.
func (c *Config) WritesAtEnd(schema string) bool {
	d := c.Targets[c.NameOf(schema)]
	return d != nil && d.URL != ""
}

// MayUse reports whether the configuration lets a user import with a schema.
func (c *Config) MayUse(schema, user string) bool {
	r := c.Schemas[schema]
	if r == nil {
		return c.Default != ""
	}
	return len(r.Users) == 0 || slices.Contains(r.Users, user)
}
