// Package program is what Headway's programs have in common: their settings as flags and environment variables, their
// keys, logs and metrics, and an orderly end.
package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"headway/internal/auth"
	"headway/internal/telemetry"
)

// LocalUser is who works at this machine when nobody signs in: the page's local sign-in and the command line agree.
const LocalUser = "local"

// Exit codes of the programs.
const (
	// ExitFailed: what was asked for was tried and did not succeed.
	ExitFailed = 1
	// ExitRefused: the request itself is wrong (a bad flag, a file that is no workbook, no permission).
	ExitRefused = 2
)

// ExitError ends a program with a code of its own. Its error is printed, unless it is nil.
type ExitError struct {
	Code int
	Err  error
}

// Error implements error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the error behind the code.
func (e *ExitError) Unwrap() error { return e.Err }

// Main parses the arguments into the command line and runs the chosen command; it returns the exit code. Every flag
// is also an environment variable: --lease-duration is HEADWAY_LEASE_DURATION.
//
// The first interrupt (Ctrl-C, SIGTERM) ends the command's context, the second ends the process at once.
func Main(name, description string, commandLine any) int {
	parser, err := kong.New(commandLine,
		kong.Name(name), kong.Description(description),
		kong.DefaultEnvars("HEADWAY"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the command line's own tags are wrong
	}
	parsed, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v (%s --help lists what there is)\n", name, err, name)
		return ExitRefused
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal gets its default effect
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run()
	if err == nil {
		return 0
	}
	code := ExitFailed
	var exit *ExitError
	if errors.As(err, &exit) {
		code = exit.Code
	}
	if exit == nil || exit.Err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	return code
}

// Refuse says that the command line itself is wrong.
func Refuse(format string, args ...any) error {
	return &ExitError{Code: ExitRefused, Err: fmt.Errorf(format, args...)}
}

// KeyFlags say where the data and the key are.
type KeyFlags struct {
	Data string `help:"Folder for everything that is kept." default:"./data" placeholder:"DIR"`
	Key  string `help:"Secret that signs and verifies tokens (HS256), at least 32 bytes. Without one, and only on loopback, a key is made in the data folder." placeholder:"SECRET"`
}

// SigningKey is the configured key, or the data folder's, which is made if there is none.
func (k *KeyFlags) SigningKey() (*auth.Key, error) {
	if k.Key != "" {
		return auth.NewKey([]byte(k.Key))
	}
	return auth.LoadOrCreateKey(filepath.Join(k.Data, "signing.key"))
}

// IssuerFlags say which OpenID Connect provider's tokens are taken, beside those signed with the key.
type IssuerFlags struct {
	OIDCIssuer     string        `help:"OpenID Connect issuer whose tokens are taken too: its URL, as in their iss claim." placeholder:"URL" name:"oidc-issuer"`
	OIDCAudience   string        `help:"What the aud claim of its tokens must hold." default:"headway" placeholder:"TEXT" name:"oidc-audience"`
	OIDCScopeClaim string        `help:"Claim with the scopes (headway:admin, …): text or a list; dots lead into objects, as in realm_access.roles." default:"scope" placeholder:"CLAIM" name:"oidc-scope-claim"`
	OIDCAlgorithms []string      `help:"What its tokens may be signed with; separated by commas." default:"RS256,ES256" placeholder:"NAME" name:"oidc-algorithms"`
	OIDCClockSkew  time.Duration `help:"How far its clock may differ." default:"5s" name:"oidc-clock-skew"`
}

// Common are the settings of every service.
type Common struct {
	KeyFlags
	IssuerFlags

	MetricsListen string `help:"Address for metrics and profiles; - for none." default:"127.0.0.1:9090" placeholder:"ADDRESS"`
	LogFormat     string `help:"Log lines as text or json." enum:"text,json" default:"text"`
	LogLevel      string `help:"Lowest level that is logged: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
}

// Env holds the dependencies that every service needs.
type Env struct {
	// Key signs the tokens of services and of the local user.
	Key *auth.Key
	// Verifier checks everyone's tokens.
	Verifier auth.Verifier
	// Issuer is the one configured; nil if there is none.
	Issuer  *auth.Issuer
	Logger  *slog.Logger
	Metrics *prometheus.Registry
	// Local says that nobody configured a key or an issuer: the service is for the people of this machine alone.
	Local bool
}

// Open returns the Env of services that listen on the addresses.
func (c *Common) Open(listen ...string) (*Env, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	logger, err := telemetry.NewLogger(os.Stderr, c.LogFormat, level)
	if err != nil {
		return nil, err
	}
	f := &Env{Logger: logger, Metrics: telemetry.NewRegistry(), Local: c.Key == "" && c.OIDCIssuer == ""}
	for _, address := range listen {
		if f.Local && !Loopback(address) {
			return nil, Refuse("%s can be reached from other machines, so a real key is needed: set HEADWAY_KEY (openssl rand -base64 48 makes one) or HEADWAY_OIDC_ISSUER, or listen on 127.0.0.1", address)
		}
	}
	if f.Key, err = c.SigningKey(); err != nil {
		return nil, err
	}
	f.Verifier = f.Key
	if c.OIDCIssuer == "" {
		return f, nil
	}
	f.Issuer, err = auth.NewIssuer(auth.IssuerConfig{
		URL: c.OIDCIssuer, Audience: c.OIDCAudience, ScopeClaim: c.OIDCScopeClaim, Algorithms: c.OIDCAlgorithms,
		ClockSkew: c.OIDCClockSkew, Logger: logger,
	})
	if err != nil {
		return nil, Refuse("--oidc-…: %w", err)
	}
	f.Verifier = &auth.EitherVerifier{Key: f.Key, Issuer: f.Issuer}
	return f, nil
}

// RunBackground serves the metrics and refreshes the keys of an issuer until ctx is done.
func (c *Common) RunBackground(ctx context.Context, f *Env) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.ServeMetrics(ctx, f) })
	if f.Issuer != nil {
		g.Go(func() error { f.Issuer.Run(ctx); return nil })
	}
	return g.Wait()
}

// ServeMetrics answers metrics and profiles until ctx ends, if an address is configured.
func (c *Common) ServeMetrics(ctx context.Context, f *Env) error {
	if c.MetricsListen == "-" {
		return nil
	}
	lis, err := Listen(ctx, "--metrics-listen", c.MetricsListen)
	if err != nil {
		return err
	}
	f.Logger.InfoContext(ctx, "metrics and profiles", "address", lis.Addr().String())
	return telemetry.Serve(ctx, lis, f.Metrics)
}

// Listen opens a port; an error names the setting to change.
func Listen(ctx context.Context, flag, address string) (net.Listener, error) {
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program listens there (another Headway?); end it, or choose another address with %s", err, flag)
	case err != nil:
		return nil, fmt.Errorf("%w (%s)", err, flag)
	}
	return lis, nil
}

// Loopback tells whether an address to listen on can be reached from this machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
