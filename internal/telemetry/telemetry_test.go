package telemetry_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/test/bufconn"

	"headway/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"text": "msg=hello job_id=j", "json": `"msg":"hello","job_id":"j"`} {
		var out strings.Builder
		logger, err := telemetry.NewLogger(&out, format, slog.LevelInfo)
		if err != nil {
			t.Fatal(err)
		}
		logger.Debug("unheard")
		logger.Info("hello", "job_id", "j")
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "unheard") {
			t.Errorf("%s: got %s", format, out.String())
		}
	}
	if _, err := telemetry.NewLogger(io.Discard, "xml", slog.LevelInfo); err == nil {
		t.Error("an unknown format was taken")
	}
}

func TestMetricsAndProfilesAreServedUntilShutdown(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- telemetry.Serve(ctx, lis, telemetry.NewRegistry(), nil) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]string{"/metrics": "go_goroutines", "/debug/pprof/": "goroutine"} {
		res, err := client.Get("http://" + lis.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s: no %s in %s", path, want, body)
		}
	}
	for path, host := range map[string]string{"/debug/pprof/cmdline": "127.0.0.1", "/metrics": "evil.example", "/debug/pprof/": "evil.example:9090"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+lis.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode == http.StatusOK || strings.Contains(string(body), os.Args[0]) {
			t.Errorf("%s as %s: %s %s", path, host, res.Status, body)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestReadinessIsServedWithItsReasons(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served, missing := make(chan error, 1), ""
	ready := func(context.Context) (bool, map[string]string) {
		return missing == "", map[string]string{"database": missing}
	}
	go func() { served <- telemetry.Serve(ctx, lis, telemetry.NewRegistry(), ready) }()
	want := func(path string, status int, body string) {
		t.Helper()
		res, err := http.Get("http://" + lis.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if text, err := io.ReadAll(res.Body); res.StatusCode != status || !strings.Contains(string(text), body) || err != nil {
			t.Errorf("%s: %s %s %v", path, res.Status, text, err)
		}
	}
	want("/readyz", http.StatusOK, `"database":""`)
	missing = "unreachable" // the requests are one after the other
	want("/readyz", http.StatusServiceUnavailable, `"database":"unreachable"`)
	want("/healthz", http.StatusOK, `"status":"ok"`)
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestStalledClientsOfMetricsAreDisconnected has clients that never read, never send what they announce, and never send another
// request.
func TestStalledClientsOfMetricsAreDisconnected(t *testing.T) {
	for name, request := range map[string]string{
		"idle":        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"body":        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
		"expectation": "GET /metrics HTTP/1.1\r\nHost: localhost\r\nExpect: something\r\nContent-Length: 10\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := dialMetrics(t)
				if _, err := io.WriteString(conn, request); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, conn); err != nil { // until the server closes the connection
					t.Error(err)
				}
			})
		})
	}
	t.Run("reader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conn := dialMetrics(t)
			if _, err := io.WriteString(conn, "GET /debug/pprof/goroutine?debug=2 HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Error("the response is complete, after an hour")
			}
		})
	})
}

// dialMetrics serves metrics in a bubble, and connects to them. The connection buffers a few bytes only.
func dialMetrics(t *testing.T) net.Conn {
	t.Helper()
	lis := bufconn.Listen(64)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- telemetry.Serve(ctx, lis, telemetry.NewRegistry(), nil) }()
	conn, err := lis.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return conn
}
