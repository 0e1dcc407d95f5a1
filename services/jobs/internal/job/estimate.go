package job

import (
	"math"
	"time"
)

const (
	rateWindow  = 4 * time.Second  // the rate is an average over about this time, in which recent values have the most weight
	speedWindow = 30 * time.Second // the same for the speed of the whole job, from which the ETA is derived
	etaInertia  = 3 * time.Second  // a new estimate replaces the previous one within about this time, so the ETA doesn't jump
	etaEvidence = 1.0              // seconds of observation before there is an ETA at all
)

// Estimate holds the values from which rate, ETA, and stalled are derived: exponentially weighted sums of the units
// done, and of the time they took. Their quotient is an average that needs no warm-up and works with uneven intervals.
type Estimate struct {
	At      time.Time `json:"at,omitzero"`       // of the last observation
	MovedAt time.Time `json:"moved_at,omitzero"` // when something last changed

	Step    string  `json:"step,omitempty"` // the step of these units
	Done    float64 `json:"done,omitempty"`
	Units   float64 `json:"units,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`

	Fraction     float64 `json:"fraction,omitempty"` // of the whole
	Gained       float64 `json:"gained,omitempty"`
	SpeedSeconds float64 `json:"speed_seconds,omitempty"`
}

// observe derives percent, rate, ETA, and stalled from the steps at the time now. moved reports whether the worker's
// progress changed anything. visible reports whether that changed what users see.
func (p *Progress) observe(now time.Time, moved bool, stalledAfter time.Duration) (visible bool) {
	before := *p
	p.raise()
	m := &p.Estimate
	current, done := p.Current(), 0.0
	if k := p.index(current); k >= 0 {
		done = p.Steps[k].Done
	}
	fraction := p.fraction()

	if m.At.IsZero() {
		*m = Estimate{At: now, MovedAt: now, Step: current, Done: done, Fraction: fraction}
		return p.Percent != before.Percent
	}
	elapsed := max(now.Sub(m.At).Seconds(), 0)
	if moved || m.MovedAt.After(now) { // or the clock was set back
		m.MovedAt = now
	}

	if m.Step != current || done < m.Done {
		m.Step, m.Done, m.Units, m.Seconds = current, done, 0, 0
	} else {
		keep := math.Exp(-elapsed / rateWindow.Seconds())
		m.Units = m.Units*keep + done - m.Done
		m.Seconds = m.Seconds*keep + elapsed
		m.Done = done
	}
	if p.Rate = quotient(m.Units, m.Seconds); !finite(p.Rate) || !finite(m.Units) {
		p.Rate, m.Units, m.Seconds = 0, 0, 0 // only a finite number can be stored
	}

	if fraction < m.Fraction {
		m.Gained, m.SpeedSeconds = 0, 0
	} else {
		keep := math.Exp(-elapsed / speedWindow.Seconds())
		m.Gained = m.Gained*keep + fraction - m.Fraction
		m.SpeedSeconds = m.SpeedSeconds*keep + elapsed
	}
	m.Fraction = fraction
	m.At = now

	p.Stalled = now.Sub(m.MovedAt) >= stalledAfter
	p.ETA = p.estimate(elapsed)
	return p.Percent != before.Percent || p.Stalled != before.Stalled
}

// estimate returns the ETA after elapsed more seconds. It moves gradually from the previous ETA to the one that follows
// from the speed, so that the ETA does not jump.
func (p *Progress) estimate(elapsed float64) *float64 {
	m := &p.Estimate
	if p.Stalled || m.SpeedSeconds < etaEvidence || m.Gained <= 0 {
		return nil
	}
	eta := (1 - m.Fraction) * m.SpeedSeconds / m.Gained
	if p.ETA != nil {
		expected := max(*p.ETA-elapsed, 0)
		eta = expected + (eta-expected)*(1-math.Exp(-elapsed/etaInertia.Seconds()))
	}
	if !finite(eta) {
		return nil
	}
	return &eta
}

func quotient(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}
