//go:build linux

package bench

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkStreamsCurve measures the edge's memory for each of 1,000 to 18,000 idle streams, each with its own job (a process
// can have 20,000 descriptors), and the latency of an update of one job among them.
func BenchmarkStreamsCurve(b *testing.B) {
	const most = 18_000
	for b.Loop() {
		s := startStreams(b)
		readers := startFleet(b, most)
		open := 0
		for _, n := range []int{1_000, 5_000, 10_000, most} {
			readers.open(order{Count: n - open, Window: 100, Addr: s.edge.addr, Targets: s.create(n-open, "bench")})
			open = n
			held := resident(b, s.edge.cmd.Process.Pid)
			b.ReportMetric((held-s.empty)/float64(n)/1024, fmt.Sprintf("KiB/stream-at-%d", n))
		}
		job := s.lease("bench")
		s.sendProgress(job, 4, "")
		readers.each(order{Op: "reset"})
		const updates = 40
		s.sendProgress(job, updates, "")
		r := readers.each(order{Op: "report"})
		if r.Messages < updates*9/10 {
			b.Errorf("%d of %d updates arrived", r.Messages, updates)
		}
		b.ReportMetric(r.latency(0.5), "ms-p50")
		b.ReportMetric(r.latency(0.99), "ms-p99")
		readers.stop()
		s.stop()
	}
}

// BenchmarkStreamsUnread measures 2,000 streams of one job that sends 2 KiB four times per second, and then the same with
// 2,000 more clients that never read. It compares the latency of the readers, and the memory of the edge.
func BenchmarkStreamsUnread(b *testing.B) {
	const n, updates = 2_000, 60
	padding := strings.Repeat("x", 450)
	for b.Loop() {
		s := startStreams(b)
		targets := s.create(1, "bench")
		job := s.lease("bench")
		readers := startFleet(b, n)
		readers.open(order{Count: n, Window: 100, Addr: s.edge.addr, Targets: targets})
		measure := func() (r report, held float64) {
			s.sendProgress(job, 8, padding)
			readers.each(order{Op: "reset"})
			for range 4 {
				s.sendProgress(job, updates/4, padding)
				held = max(held, residentNow(b, s.edge.cmd.Process.Pid))
			}
			return readers.each(order{Op: "report"}), held
		}
		alone, before := measure()
		unread := startFleet(b, n)
		unread.open(order{Count: n, Window: 100, Unread: true, Targets: targets, Addr: s.edge.addr})
		with, after := measure()
		if len(with.Reached) < updates*9/10 {
			b.Errorf("%d of %d updates reached the readers", len(with.Reached), updates)
		}
		b.ReportMetric(alone.latency(0.99), "ms-p99-alone")
		b.ReportMetric(with.latency(0.99), "ms-p99-with")
		b.ReportMetric((after-before)/n/1024, "KiB/unread")
		unread.stop()
		readers.stop()
		s.stop()
	}
}

// BenchmarkStreamsReconnect shuts down an edge with 10,000 streams, and starts another one, to which all 10,000 clients
// reconnect at the same time.
func BenchmarkStreamsReconnect(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		s := startStreams(b)
		targets := s.create(n, "bench")
		readers := startFleet(b, n)
		readers.open(order{Count: n, Window: 100, Addr: s.edge.addr, Targets: targets})
		took := s.edge.drain()
		var r report
		waitFor(b.Context(), b, "every stream ends", func() bool {
			r = readers.each(order{Op: "report"})
			return r.Ended+r.Cut == n
		})
		if r.Draining != n || r.Cut > 0 {
			b.Errorf("%d of %d streams got the final event, %d were cut", r.Draining, n, r.Cut)
		}
		s.edge = startEdge(b, s.jobs.addr, s.edge.addr)
		back := readers.each(order{Op: "reopen"})
		if back.Open != n || back.Failed > 0 {
			b.Errorf("%d of %d streams reconnected, %d failed: %s", back.Open, n, back.Failed, back.Error)
		}
		b.ReportMetric(took.Seconds(), "s-drain")
		b.ReportMetric(back.Seconds, "s-reconnect")
		b.ReportMetric(float64(back.Failed), "failed")
		readers.stop()
		s.stop()
	}
}
