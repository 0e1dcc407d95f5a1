package replica

import "github.com/prometheus/client_golang/prometheus"

// metrics are those of the connection to other replicas.
type metrics struct {
	commits      *prometheus.CounterVec
	gaps, missed prometheus.Counter
	all          []prometheus.Collector
}

func newMetrics(r *Replicas) *metrics {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	m := &metrics{
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "headway_jobs_replica_commits_total",
			Help: "Commits of other replicas, by how this one has learned of them: from the bus, or from the log in the database."}, []string{"from"}),
		gaps: prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_jobs_bus_gaps_total",
			Help: "Messages of the bus that were not the next ones of their replica, so that the log was read."}),
		missed: prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_jobs_replica_missed_total",
			Help: "Times when commits of another replica were no longer in the log, so that all watches began again."}),
	}
	for _, from := range []string{"bus", "log"} { // even if there are none
		m.commits.WithLabelValues(from)
	}
	m.all = []prometheus.Collector{m.commits, m.gaps, m.missed,
		gauge("headway_jobs_other_replicas", "Other replicas that are alive.", func() float64 { return float64(r.Others()) }),
		gauge("headway_jobs_leader", "1 if this replica leads: it ends expired leases, removes old jobs, and updates queue positions.", func() float64 { return is(r.Leads()) }),
	}
	if r.cfg.Bus != nil {
		m.all = append(m.all, gauge("headway_jobs_bus_connected", "1 if the bus is connected.", func() float64 { return is(r.cfg.Bus.Connected()) }))
	}
	return m
}

// Describe implements prometheus.Collector.
func (r *Replicas) Describe(to chan<- *prometheus.Desc) {
	for _, c := range r.metrics.all {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (r *Replicas) Collect(to chan<- prometheus.Metric) {
	for _, c := range r.metrics.all {
		c.Collect(to)
	}
}
