package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"headway/internal/backoff"
)

// disturbance disturbs the cluster, and undoes that before it returns. do returns when ctx ends, at the latest.
type disturbance struct {
	name string // the kind, a colon, and what is disturbed
	do   func(ctx context.Context, random *rand.Rand) error
}

// disturbances returns all disturbances: each kind for each process and each link.
func (c *cluster) disturbances() (all []disturbance) {
	for _, n := range c.nodes {
		all = append(all,
			disturbance{"kill: " + n.name, func(ctx context.Context, random *rand.Rand) error {
				n.kill()
				pause(ctx, random, 3*time.Second)
				n.start()
				return nil
			}},
			disturbance{"stop: " + n.name, func(ctx context.Context, random *rand.Rand) error {
				n.stop()
				pause(ctx, random, time.Second)
				n.start()
				return nil
			}},
			disturbance{"freeze: " + n.name, func(ctx context.Context, random *rand.Rand) error {
				n.signal(syscall.SIGSTOP)
				pause(ctx, random, 12*time.Second)
				n.signal(syscall.SIGCONT)
				return nil
			}},
			disturbance{"slow: " + n.name, func(ctx context.Context, random *rand.Rand) error {
				for end := time.Now().Add(time.Duration(random.Int64N(int64(6 * time.Second)))); time.Now().Before(end) && ctx.Err() == nil; {
					n.signal(syscall.SIGSTOP)
					backoff.Sleep(ctx, 80*time.Millisecond)
					n.signal(syscall.SIGCONT)
					backoff.Sleep(ctx, 20*time.Millisecond)
				}
				return nil
			}})
	}
	for _, l := range c.links {
		all = append(all, disturbance{"partition: " + l.name, func(ctx context.Context, random *rand.Rand) error {
			l.mute()
			pause(ctx, random, 8*time.Second)
			l.unmute()
			return nil
		}}, disturbance{"cut: " + l.name, func(context.Context, *rand.Rand) error {
			l.cut()
			return nil
		}}, disturbance{"slow: " + l.name, func(ctx context.Context, random *rand.Rand) error {
			l.slow(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
			pause(ctx, random, 8*time.Second)
			l.slow(0)
			return nil
		}})
	}
	return append(all,
		disturbance{"database: killed", func(context.Context, *rand.Rand) error {
			c.postgres.Kill()
			return c.postgres.Restart("fsync=off")
		}},
		disturbance{"database: frozen", func(ctx context.Context, random *rand.Rand) error {
			c.postgres.Freeze()
			pause(ctx, random, 8*time.Second)
			c.postgres.Thaw()
			return nil
		}},
		disturbance{"slow: S3", func(ctx context.Context, random *rand.Rand) error {
			for _, l := range c.linksTo("S3") {
				l.slow(100 * time.Millisecond)
				defer l.slow(0)
			}
			pause(ctx, random, 8*time.Second)
			return nil
		}},
		disturbance{"outage: S3", func(ctx context.Context, random *rand.Rand) error {
			for _, l := range c.linksTo("S3") {
				l.mute()
				defer l.unmute()
			}
			pause(ctx, random, 5*time.Second)
			return nil
		}},
		disturbance{"roll: every process", func(ctx context.Context, _ *rand.Rand) error {
			for _, n := range c.nodes {
				if ctx.Err() == nil {
					n.stop()
					n.start()
					backoff.Sleep(ctx, 2*time.Second)
				}
			}
			return nil
		}})
}

// linksTo returns the links to a dependency.
func (c *cluster) linksTo(name string) (all []link) {
	for _, l := range c.links {
		if strings.HasSuffix(l.name, name) {
			all = append(all, l)
		}
	}
	return all
}

// pause waits for a random time. It reports false if ctx ends before that.
func pause(ctx context.Context, random *rand.Rand, most time.Duration) bool {
	return backoff.Sleep(ctx, time.Duration(random.Int64N(int64(most))))
}

// disturb causes disturbances, one after the other, in a random order of all, until ctx ends.
func (c *cluster) disturb(ctx context.Context, h *history, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 3))
	for {
		all := c.disturbances()
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, f := range all {
			h.disturb("nothing")
			if !pause(ctx, random, 3*time.Second) {
				return nil
			}
			h.disturb(f.name)
			if err := f.do(ctx, random); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			h.disturb(strings.Replace(f.name, ":", ", after it:", 1))
			backoff.Sleep(ctx, 2*time.Second)
		}
	}
}
