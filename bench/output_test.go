//go:build linux

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
)

// BenchmarkOutputReaders measures the edge's memory for each of 1,000 readers of one output of 100 MB, at 20 kB/s each, by streams and
// by downloads. KiB/reader is the maximum that was resident in half a minute, compared with an edge without readers.
func BenchmarkOutputReaders(b *testing.B) {
	b.Run("stream", func(b *testing.B) { measureReaders(b, "/api/v1/sse/jobs/bench/%s/output") })
	b.Run("download", func(b *testing.B) { measureReaders(b, "/api/v1/jobs/%s/output") })
}

func measureReaders(b *testing.B, path string) {
	const readers, size, rate, seconds = 1_000, 100 << 20, 20_000, 30
	for b.Loop() {
		s := startStreams(b)
		s.create(1, "bench")
		job := s.lease("bench")
		part := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
		for offset := int64(0); offset < size; offset += int64(len(part)) {
			if _, err := s.worker.AppendOutput(b.Context(), &jobsv1.AppendOutputRequest{
				JobId: job.GetJob().GetJobId(), LeaseToken: job.GetLeaseToken(), Offset: offset, Data: part,
			}); err != nil {
				b.Fatal(err)
			}
		}
		before := residentNow(b, s.edge.cmd.Process.Pid)
		ctx, cancel := context.WithTimeout(b.Context(), seconds*time.Second)
		var (
			all  sync.WaitGroup
			read atomic.Int64
			lost atomic.Int64
		)
		for i := range readers {
			token, err := s.jobs.key.Sign(auth.Identity{Subject: fmt.Sprintf("admin-%d", i), Scopes: []string{auth.ScopeAdmin}}, time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			all.Go(func() {
				n, err := readSlowly(ctx, s.edge.addr, fmt.Sprintf(path, job.GetJob().GetJobId()), token, rate)
				read.Add(n)
				if err != nil {
					lost.Add(1)
				}
			})
		}
		most := 0.0
		for ctx.Err() == nil {
			most = max(most, residentNow(b, s.edge.cmd.Process.Pid))
			time.Sleep(time.Second)
		}
		all.Wait()
		cancel()
		if lost.Load() > 0 {
			b.Errorf("%d readers were cut", lost.Load())
		}
		b.ReportMetric((most-before)/readers/1024, "KiB/reader")
		b.ReportMetric(float64(read.Load())/readers/seconds, "B/s/reader")
		s.stop()
	}
}

// readSlowly reads a stream at a rate until ctx ends, and returns the number of received bytes.
func readSlowly(ctx context.Context, address, path, token string, rate int64) (total int64, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		return 0, err
	}
	if _, err := io.Copy(conn, strings.NewReader("GET "+path+" HTTP/1.1\r\nHost: "+address+"\r\nAuthorization: Bearer "+token+"\r\n\r\n")); err != nil {
		return 0, err
	}
	ticker := time.NewTicker(time.Second / 10)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return total, nil
		case <-ticker.C:
		}
		n, err := io.CopyN(io.Discard, conn, rate/10)
		if total += n; err != nil {
			return total, err
		}
	}
}
