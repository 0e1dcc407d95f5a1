// Package supervise runs worker processes alongside the services: it restarts them, renews their tokens, and stops them.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"headway/internal/atomicfile"
	"headway/internal/auth"
	"headway/internal/backoff"
)

const (
	// workerTokenTTL is how long a worker's token is valid. A new one is written when a third of that time has passed.
	workerTokenTTL = time.Hour
	// workerStopTimeout is how long a worker has to release its jobs before it is killed.
	workerStopTimeout = 10 * time.Second
	// A worker that ends is restarted after a pause, which doubles each time until the worker has run for healthyAfter.
	firstRestartPause = 500 * time.Millisecond
	maxRestartPause   = 30 * time.Second
	healthyAfter      = time.Minute
)

// Workers are programs that run alongside the services. Each is restarted when it ends, and ends with Headway.
type Workers struct {
	// Commands are the programs with their arguments, separated by spaces.
	Commands []string
	// JobsAddress is the host:port of the jobs service.
	JobsAddress string
	// DataDir is the directory for the file with the workers' token.
	DataDir string
	// Key signs the workers' token.
	Key    *auth.Key
	Logger *slog.Logger
	// Output receives everything that the workers print.
	Output io.Writer
}

// Run keeps the workers running until ctx is done. It returns when all of them have ended.
//
// A worker gets the address of the jobs service in HEADWAY_JOBS_ADDRESS, and the path of the file with its token, which
// is renewed before it expires, in HEADWAY_TOKEN_FILE. It gets no other HEADWAY_… variable, because it must not have
// the key.
func (w *Workers) Run(ctx context.Context) error {
	tokenFile, err := filepath.Abs(filepath.Join(w.DataDir, "worker.token"))
	if err != nil {
		return fmt.Errorf("path of the workers' token: %w", err)
	}
	if err := w.writeToken(tokenFile); err != nil {
		return err
	}
	defer os.Remove(tokenFile)
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "HEADWAY_") })
	env = append(env, "HEADWAY_JOBS_ADDRESS="+w.JobsAddress, "HEADWAY_TOKEN_FILE="+tokenFile)

	var running sync.WaitGroup
	for _, command := range w.Commands {
		running.Go(func() { w.keepRunning(ctx, strings.Fields(command), env) })
	}
	running.Go(func() { w.renewToken(ctx, tokenFile) })
	running.Wait()
	return nil
}

// renewToken keeps the token in the file valid until ctx is done.
func (w *Workers) renewToken(ctx context.Context, file string) {
	ticker := time.NewTicker(workerTokenTTL / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := w.writeToken(file); err != nil {
			w.Logger.ErrorContext(ctx, "can't renew the workers' token, trying again", "error", err)
		}
	}
}

// writeToken replaces the file with a new token.
func (w *Workers) writeToken(file string) error {
	token, err := w.Key.Sign(auth.Identity{Subject: "worker", Scopes: []string{auth.ScopeWorker}, Kinds: []string{"*"}}, workerTokenTTL)
	if err != nil {
		return err
	}
	return atomicfile.Write(file, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, token+"\n")
		return err
	})
}

// keepRunning restarts a worker until ctx is done. It stops trying if the program can't be started.
func (w *Workers) keepRunning(ctx context.Context, command, env []string) {
	log := w.Logger.With("worker", strings.Join(command, " "))
	restart := backoff.New(firstRestartPause, maxRestartPause)
	for {
		begun := time.Now()
		err := w.runOnce(ctx, command, env)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			log.ErrorContext(ctx, "can't start a worker, continuing without it", "error", err)
			return
		}
		if time.Since(begun) > healthyAfter {
			restart.Reset()
		}
		log.WarnContext(ctx, "a worker ended, restarting it", "end", exitText(err))
		if !restart.Wait(ctx) {
			return
		}
	}
}

// exitText describes how a process ended.
func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// runOnce runs a worker until it ends. When ctx is done, the worker is asked to stop, and killed if it does not.
func (w *Workers) runOnce(ctx context.Context, command, env []string) error {
	runtime.LockOSThread() // the worker ends with the thread that started it, see tie
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, w.Output, w.Output
	cmd.WaitDelay = workerStopTimeout
	sweep := tie(cmd)
	defer sweep()
	return cmd.Run()
}
