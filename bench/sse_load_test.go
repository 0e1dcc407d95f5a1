//go:build linux

package bench

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkStreamsCurve: what the edge holds for each of 1,000 to 18,000 idle streams, each on a job of its own that
// comes with it (a process may have 20,000 descriptors), and how long one job's update takes to arrive among them all.
func BenchmarkStreamsCurve(b *testing.B) {
	const most = 18_000
	for b.Loop() {
		s := startStreams(b)
		readers := startCrowd(b, most)
		open := 0
		for _, n := range []int{1_000, 5_000, 10_000, most} {
			readers.open(order{Count: n - open, Window: 100, Addr: s.edge.addr, Targets: s.create(n-open, "bench")})
			open = n
			held := resident(b, s.edge.cmd.Process.Pid)
			b.ReportMetric((held-s.empty)/float64(n)/1024, fmt.Sprintf("KiB/stream-at-%d", n))
		}
		job := s.lease("bench")
		s.beat(job, 4, "")
		readers.each(order{Op: "reset"})
		const updates = 40
		s.beat(job, updates, "")
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

// BenchmarkStreamsDeaf: 2,000 streams on one job that sends 2 KiB four times a second; then beside 2,000 more that never
// read a byte. What the readers' latency and the edge's memory are with them, against without.
func BenchmarkStreamsDeaf(b *testing.B) {
	const n, updates = 2_000, 60
	padding := strings.Repeat("x", 450)
	for b.Loop() {
		s := startStreams(b)
		targets := s.create(1, "bench")
		job := s.lease("bench")
		readers := startCrowd(b, n)
		readers.open(order{Count: n, Window: 100, Addr: s.edge.addr, Targets: targets})
		measure := func() (r report, held float64) {
			s.beat(job, 8, padding)
			readers.each(order{Op: "reset"})
			for range 4 {
				s.beat(job, updates/4, padding)
				held = max(held, residentNow(b, s.edge.cmd.Process.Pid))
			}
			return readers.each(order{Op: "report"}), held
		}
		alone, before := measure()
		deaf := startCrowd(b, n)
		deaf.open(order{Count: n, Window: 100, Deaf: true, Targets: targets, Addr: s.edge.addr})
		beside, after := measure()
		if len(beside.Reached) < updates*9/10 {
			b.Errorf("%d of %d updates reached the readers", len(beside.Reached), updates)
		}
		b.ReportMetric(alone.latency(0.99), "ms-p99-alone")
		b.ReportMetric(beside.latency(0.99), "ms-p99-beside")
		b.ReportMetric((after-before)/n/1024, "KiB/deaf")
		deaf.stop()
		readers.stop()
		s.stop()
	}
}

// BenchmarkStreamsHerd: an edge with 10,000 streams is told to end, and another takes its place, to which all 10,000
// come back in the same moment.
func BenchmarkStreamsHerd(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		s := startStreams(b)
		targets := s.create(n, "bench")
		readers := startCrowd(b, n)
		readers.open(order{Count: n, Window: 100, Addr: s.edge.addr, Targets: targets})
		took := s.edge.drain()
		var r report
		waitFor(b.Context(), b, "every stream ends", func() bool {
			r = readers.each(order{Op: "report"})
			return r.Ended+r.Cut == n
		})
		if r.Draining != n || r.Cut > 0 {
			b.Errorf("%d of %d streams were told, %d were cut", r.Draining, n, r.Cut)
		}
		s.edge = startEdge(b, s.jobs.addr, s.edge.addr)
		back := readers.each(order{Op: "reopen"})
		if back.Open != n || back.Failed > 0 {
			b.Errorf("%d of %d streams came back, %d failed: %s", back.Open, n, back.Failed, back.Error)
		}
		b.ReportMetric(took.Seconds(), "s-drain")
		b.ReportMetric(back.Seconds, "s-herd")
		b.ReportMetric(float64(back.Failed), "failed")
		readers.stop()
		s.stop()
	}
}
