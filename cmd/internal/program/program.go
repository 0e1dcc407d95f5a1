// Package program provides the parts that all programs share: flags and environment variables, keys, logs, metrics, and
// an orderly shutdown.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/grpclog"

	"headway/internal/auth"
	"headway/internal/hostname"
	"headway/internal/telemetry"
)

// LocalUser is the user of this machine if there is no other sign-in. The web UI and the command line use it.
const LocalUser = "local"

// Exit codes of the programs.
const (
	// ExitFailed means that the command was tried and did not succeed.
	ExitFailed = 1
	// ExitRefused means that the request itself is wrong: a bad flag, a file that is not a workbook, no permission.
	ExitRefused = 2
)

// ExitError ends a program with a specific exit code. Err is printed, unless it is nil.
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

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// Main parses the arguments and runs the command. It returns the exit code. Every flag is also an environment variable:
// --lease-duration is HEADWAY_LEASE_DURATION.
//
// The first interrupt (Ctrl-C, SIGTERM) cancels the command's context. The second one ends the process immediately.
func Main(name, description string, commandLine any) int {
	// gRPC and its gateway would log what callers have sent, in their own format. The servers log every call.
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	parser, err := NewParser(name, description, commandLine)
	if err != nil {
		panic(err) // the command line's own tags are wrong
	}
	if slices.ContainsFunc(os.Args[1:], isKeyFlag) {
		fmt.Fprintf(os.Stderr, "%s: there is no --key flag, because every user of this machine can read the arguments of its programs. Use --key-file, or set %s.\n", name, keyVariable)
		return ExitRefused
	}
	parsed, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v. Run '%s --help' for usage.\n", name, err, strings.TrimSpace(name+" "+commandOf(err)))
		return ExitRefused
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal has its default effect
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

// NewParser returns the parser of a command line.
func NewParser(name, description string, commandLine any, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(commandLine, append([]kong.Option{
		kong.Name(name), kong.Description(description),
		kong.DefaultEnvars("HEADWAY"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(flagHelp),
	}, more...)...)
}

// commandOf returns the command whose arguments are wrong, such as "mapping get", or "" if none was recognized.
func commandOf(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil {
		return ""
	}
	var names []string
	for _, step := range parse.Context.Path {
		if step.Command != nil {
			names = append(names, step.Command.Name)
		}
	}
	return strings.Join(names, " ")
}

// flagHelp returns the help of a flag with its environment variable, and with its default if a placeholder is shown instead of it.
func flagHelp(v *kong.Value) string {
	if v.Flag != nil && v.Flag.PlaceHolder != "" && v.Default != "" {
		withDefault := *v
		withDefault.Help += " Default: " + v.Default + "."
		v = &withDefault
	}
	return kong.DefaultHelpValueFormatter(v)
}

func isKeyFlag(arg string) bool { return arg == "--key" || strings.HasPrefix(arg, "--key=") }

// Refuse returns an error that means that the command line itself is wrong.
func Refuse(format string, args ...any) error {
	return &ExitError{Code: ExitRefused, Err: fmt.Errorf(format, args...)}
}

// KeyFlags name the data directory and the key.
type KeyFlags struct {
	Data    string `help:"Data directory." default:"./data" placeholder:"DIR"`
	KeyFile string `help:"File with the secret that signs and verifies tokens (HS256), at least 32 bytes. Additional lines are secrets that only verify. HEADWAY_KEY can hold the secrets instead. Without either, and on loopback only, a key is created in the data directory." placeholder:"FILE" type:"path"`
}

// keyVariable is the environment variable with the secrets. There is no flag: every user of a machine can read the
// arguments of its processes.
const keyVariable = "HEADWAY_KEY"

// configured reports whether there is a key other than the one in the data directory.
func (k *KeyFlags) configured() bool { return k.KeyFile != "" || os.Getenv(keyVariable) != "" }

// SigningKey returns the configured key, or the key in the data directory, which it creates if it does not exist.
func (k *KeyFlags) SigningKey() (*auth.Key, error) {
	switch text := os.Getenv(keyVariable); {
	case k.KeyFile != "":
		return auth.LoadKey(k.KeyFile)
	case text != "":
		return auth.ParseKey(text)
	}
	return auth.LoadOrCreateKey(filepath.Join(k.Data, "signing.key"))
}

// IssuerFlags describe the OpenID Connect issuer whose tokens are accepted, in addition to those signed with the key.
type IssuerFlags struct {
	OIDCIssuer       string   `help:"URL of an OpenID Connect issuer whose tokens are also accepted, exactly as in their iss claim." placeholder:"URL" name:"oidc-issuer"`
	OIDCAudience     string   `help:"Audience that the aud claim of the issuer's tokens must contain." default:"headway" placeholder:"TEXT" name:"oidc-audience"`
	OIDCScopeClaim   string   `help:"Claim with the scopes (headway:admin, …), as a string or a list. Dots select fields of objects, for example realm_access.roles." default:"scope" placeholder:"CLAIM" name:"oidc-scope-claim"`
	OIDCServiceScope string   `help:"Value in the scope claim that means headway:service. Empty means that no token of the issuer has this scope." placeholder:"TEXT" name:"oidc-service-scope"`
	OIDCAlgorithms   []string `help:"Algorithms that the issuer's tokens can be signed with. Separated by commas." default:"RS256,ES256" placeholder:"NAME" name:"oidc-algorithms"`
}

// Common holds the settings that all services share.
type Common struct {
	KeyFlags
	IssuerFlags
	RightsFlags

	MetricsListen string `help:"Address for metrics and profiles. A hyphen (-) turns them off." default:"127.0.0.1:9090" placeholder:"ADDRESS"`
	LogFormat     string `help:"Format of the log: text or json." enum:"text,json" default:"text"`
	LogLevel      string `help:"Minimum level of log messages: debug, info, warn, or error." enum:"debug,info,warn,error" default:"info"`
}

// Env holds the dependencies that every service needs.
type Env struct {
	// Key signs the tokens of services and of the local user.
	Key *auth.Key
	// Verifier checks everyone's tokens.
	Verifier auth.Verifier
	// Issuer is the configured issuer, or nil.
	Issuer  *auth.Issuer
	Logger  *slog.Logger
	Metrics *prometheus.Registry
	// Ready reports whether the service of this process can do its work. It is nil if there are several.
	Ready telemetry.Ready
	// Local is set if neither a key nor an issuer is configured. If so, the service is for users of this machine only.
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
	f := &Env{Logger: logger, Metrics: telemetry.NewRegistry(), Local: !c.configured() && c.OIDCIssuer == ""}
	exposed := slices.IndexFunc(listen, func(address string) bool { return !IsLoopback(address) })
	if f.Local && exposed >= 0 {
		return nil, Refuse("%s can be reached from other machines, so a key is required. Set HEADWAY_KEY_FILE, HEADWAY_KEY (to create a key, run: openssl rand -base64 48), or HEADWAY_OIDC_ISSUER, or listen on 127.0.0.1", listen[exposed])
	}
	if err := privateDir(c.Data, logger); err != nil {
		return nil, err
	}
	if f.Key, err = c.SigningKey(); err != nil {
		return nil, err
	}
	rights, err := c.rights(exposed < 0)
	if err != nil {
		return nil, err
	}
	if err := f.Key.Trust(c.ClockSkew, rights); err != nil {
		return nil, Refuse("--clock-skew: %w", err)
	}
	f.Verifier = f.Key
	if c.OIDCIssuer == "" {
		return f, nil
	}
	f.Issuer, err = auth.NewIssuer(auth.IssuerConfig{
		URL: c.OIDCIssuer, Audience: c.OIDCAudience, ScopeClaim: c.OIDCScopeClaim, ServiceScope: c.OIDCServiceScope, Algorithms: c.OIDCAlgorithms,
		ClockSkew: c.ClockSkew, Defaults: rights, Logger: logger,
	})
	if err != nil {
		return nil, Refuse("--oidc-…: %w", err)
	}
	f.Verifier = &auth.EitherVerifier{Key: f.Key, Issuer: f.Issuer}
	return f, nil
}

// RunBackground serves the metrics, and refreshes the key and those of an issuer, until ctx is done.
func (c *Common) RunBackground(ctx context.Context, f *Env) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.ServeMetrics(ctx, f) })
	g.Go(func() error { f.Key.Watch(ctx, f.Logger); return nil })
	if f.Issuer != nil {
		g.Go(func() error { f.Issuer.Run(ctx); return nil })
	}
	return g.Wait()
}

// ServeMetrics serves metrics and profiles until ctx is done, if an address is configured.
func (c *Common) ServeMetrics(ctx context.Context, f *Env) error {
	if c.MetricsListen == "-" {
		return nil
	}
	lis, err := Listen(ctx, "--metrics-listen", c.MetricsListen)
	if err != nil {
		return err
	}
	f.Logger.InfoContext(ctx, "metrics and profiles", "address", lis.Addr().String())
	return telemetry.Serve(ctx, lis, f.Metrics, f.Ready)
}

// Listen opens a port. An error names the flag to change.
func Listen(ctx context.Context, flag, address string) (net.Listener, error) {
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program uses this port (another Headway?). Stop it, or choose another address with %s", err, flag)
	case err != nil:
		return nil, fmt.Errorf("%w (%s)", err, flag)
	}
	return lis, nil
}

// IsLoopback reports whether an address can only be reached from this machine.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && hostname.IsLoopback(host)
}
