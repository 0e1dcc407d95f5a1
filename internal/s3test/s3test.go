// Package s3test starts a real S3 server, versitygw, for tests.
package s3test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"headway/internal/proctest"
)

// The credentials of every server.
const (
	accessKey = "headway"
	secretKey = "headway-secret"
)

// Env returns the environment variables with the credentials of every server.
func Env() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey}
}

// Server is an S3 server on a free port of 127.0.0.1. Its buckets are folders.
type Server struct {
	address string
	folder  string
	cmd     *exec.Cmd
	log     *proctest.Log
	ended   chan struct{} // closed when cmd has ended
}

// Start starts a server with empty buckets, and stops it at the end of the test.
func Start(tb testing.TB, buckets ...string) *Server {
	tb.Helper()
	program, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{address: proctest.FreeAddress(tb), folder: tb.TempDir(), log: new(proctest.Log), ended: make(chan struct{})}
	meta := tb.TempDir()
	for _, bucket := range buckets {
		if err := os.Mkdir(filepath.Join(s.folder, bucket), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	// The sidecar holds attributes in files, because not every temporary folder supports extended attributes.
	s.cmd = exec.CommandContext(context.Background(), program, "--port", s.address, "--quiet", "--keep-alive", "posix", "--sidecar", meta, s.folder)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+accessKey, "ROOT_SECRET_ACCESS_KEY="+secretKey)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	tb.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
	})
	if err := s.await(tb.Context()); err != nil {
		tb.Fatalf("start the S3 server: %v\n%s", err, s.log)
	}
	return s
}

// await returns when the server accepts connections.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.ended:
			return errors.New("the server ended")
		case <-ctx.Done():
			return errors.New("the server does not accept connections")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Endpoint returns the address of the server, as a URL.
func (s *Server) Endpoint() string { return "http://" + s.address }

// URL returns the URL of a bucket of the server, with more parameters, such as "prefix=imports/".
func (s *Server) URL(bucket string, parameters ...string) string {
	query := "region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape(s.Endpoint())
	for _, p := range parameters {
		query += "&" + p
	}
	return "s3://" + bucket + "?" + query
}

// Folder returns the folder that holds the objects of a bucket.
func (s *Server) Folder(bucket string) string { return filepath.Join(s.folder, bucket) }

// program returns the path of the server's program, which make builds.
func program() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the root of the repository was not found above the working directory")
		}
		dir = parent
	}
	path := filepath.Join(dir, "bin", "versitygw")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w. Build the S3 server with: make bin/versitygw", err)
	}
	return path, nil
}
