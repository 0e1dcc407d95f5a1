// Package metrics provides the metrics of the jobs service.
//
// Everything is derived from the commits of the store, so it costs a few map lookups per commit, and only durable
// changes are counted.
package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"headway/services/jobs/internal/job"
)

const (
	// maxKinds is the maximum number of kinds with their own label. It is limited because users can choose any kind,
	// and each costs memory.
	maxKinds = 100
	// otherKinds is the label for jobs of kinds that no worker has requested since the service started, and of kinds
	// beyond maxKinds.
	otherKinds = "other"
	// quotaJobs and quotaOutput are the labels of the exceeded quotas.
	quotaJobs, quotaOutput = "jobs", "output"
)

// Watchers counts the current watchers by the kind of their watch.
type Watchers func() (jobs, owners, all, outputs int)

// Metrics is a prometheus.Collector. It is safe for concurrent use.
type Metrics struct {
	watchers Watchers

	mu    sync.Mutex
	known map[string]struct{}           // kinds with their own label
	live  map[string]map[job.Status]int // unfinished jobs, by kind

	liveJobs, watching           *prometheus.Desc
	ended, granted, expired      *prometheus.CounterVec
	wait                         *prometheus.HistogramVec
	commitChanges, commitSeconds prometheus.Histogram
	outputBytes                  prometheus.Counter
	overQuota                    *prometheus.CounterVec
	collectors                   []prometheus.Collector
}

// New returns the metrics of a service with these watchers.
func New(watchers Watchers) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		watchers: watchers,
		known:    map[string]struct{}{},
		live:     map[string]map[job.Status]int{},
		liveJobs: prometheus.NewDesc("headway_jobs", "Unfinished jobs.", []string{"kind", "status"}, nil),
		watching: prometheus.NewDesc("headway_jobs_watchers", "Open watches of a job, of an owner's jobs, of all jobs, or of an output.", []string{"of"}, nil),
		ended:    counter("headway_jobs_ended_total", "Jobs that have reached a terminal status.", "kind", "status"),
		granted:  counter("headway_jobs_leases_granted_total", "Leases granted to workers.", "kind"),
		expired:  counter("headway_jobs_leases_expired_total", "Leases that expired because their worker stopped sending heartbeats.", "kind"),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "headway_jobs_queue_wait_seconds",
			Help:    "Time between a job becoming ready and its lease, in seconds.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800, 7200}}, []string{"kind"}),
		commitChanges: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "headway_jobs_commit_changes",
			Help: "Changes that shared one commit of the database.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "headway_jobs_commit_seconds",
			Help: "Time of a commit from its beginning until it was on disk, in seconds.", Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14)}),
		outputBytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_jobs_output_bytes_total", Help: "Bytes of output that workers appended."}),
	}
	m.overQuota = counter("headway_jobs_over_quota_total", "Jobs and appends to outputs that were refused because their user had reached a limit.", "of")
	for _, of := range []string{quotaJobs, quotaOutput} { // even if there are none
		m.overQuota.WithLabelValues(of)
	}
	m.collectors = []prometheus.Collector{m.ended, m.granted, m.expired, m.wait, m.commitChanges, m.commitSeconds, m.outputBytes, m.overQuota}
	return m
}

// Start sets the number of unfinished jobs by kind and status. Call it before the first Observe, and again if other replicas change jobs.
func (m *Metrics) Start(live map[string]map[job.Status]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = live
}

// Asked records that a worker requests jobs of these kinds.
func (m *Metrics) Asked(kinds []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, kind := range kinds {
		if len(m.known) < maxKinds {
			m.known[kind] = struct{}{}
		}
	}
}

// Expired records that a lease of a job of this kind has expired.
func (m *Metrics) Expired(kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expired.WithLabelValues(m.label(kind)).Inc()
}

// JobRefused counts a job that was refused because its user has too many.
func (m *Metrics) JobRefused() { m.overQuota.WithLabelValues(quotaJobs).Inc() }

// OutputRefused counts an append that was refused because its user has too much output.
func (m *Metrics) OutputRefused() { m.overQuota.WithLabelValues(quotaOutput).Inc() }

// Observe records durable changes.
func (m *Metrics) Observe(c *job.Commit) {
	m.commitChanges.Observe(float64(c.Changes))
	m.commitSeconds.Observe(c.Took.Seconds())
	for _, grown := range c.Output {
		m.outputBytes.Add(float64(grown.Added))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range c.Jobs {
		if j, was := &c.Jobs[i], c.Was[i]; j.Status != was {
			m.moved(j, was)
		}
	}
}

// moved records a change of status. The lock must be held.
func (m *Metrics) moved(j *job.Job, was job.Status) {
	counts := m.live[j.Kind]
	if counts == nil {
		counts = map[job.Status]int{}
		m.live[j.Kind] = counts
	}
	if was != 0 && !was.Terminal() {
		if counts[was]--; counts[was] == 0 {
			delete(counts, was)
		}
	}
	switch {
	case j.Status.Terminal():
		m.ended.WithLabelValues(m.label(j.Kind), j.Status.String()).Inc()
	default:
		counts[j.Status]++
	}
	if j.Status == job.Active {
		m.granted.WithLabelValues(m.label(j.Kind)).Inc()
		if !j.ReadyAt.IsZero() {
			m.wait.WithLabelValues(m.label(j.Kind)).Observe(max(j.UpdatedAt.Sub(j.ReadyAt).Seconds(), 0))
		}
	}
	if len(counts) == 0 {
		delete(m.live, j.Kind)
	}
}

// label returns the label of a kind. The lock must be held.
func (m *Metrics) label(kind string) string {
	if _, ok := m.known[kind]; ok {
		return kind
	}
	return otherKinds
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.liveJobs
	to <- m.watching
	for _, c := range m.collectors {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.collectors {
		c.Collect(to)
	}
	jobs, owners, all, outputs := m.watchers()
	for of, n := range map[string]int{"job": jobs, "owner": owners, "everyone": all, "output": outputs} {
		to <- prometheus.MustNewConstMetric(m.watching, prometheus.GaugeValue, float64(n), of)
	}
	for label, counts := range m.byLabel() {
		for _, status := range []job.Status{job.Queued, job.Active, job.Waiting} { // even if there are none
			to <- prometheus.MustNewConstMetric(m.liveJobs, prometheus.GaugeValue, float64(counts[status]), label, status.String())
		}
	}
}

// byLabel counts the live jobs by label and status, with every known kind.
func (m *Metrics) byLabel() map[string]map[job.Status]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]map[job.Status]int{otherKinds: {}}
	for kind := range m.known {
		all[kind] = map[job.Status]int{}
	}
	for kind, counts := range m.live {
		of := all[m.label(kind)]
		for status, n := range counts {
			of[status] += n
		}
	}
	return all
}
