package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"

	"headway/clients/go"
)

const (
	defaultPoints, minPoints, maxPoints = 600, 10, 5000
	defaultGroups, minGroups, maxGroups = 4, 2, 8
	defaultPace, maxPace                = 3.0, 1000.0
	maxSeed                             = 1<<53 - 1 // the largest whole number that every JSON parser reads exactly
	// maxSteps bounds the steps. k-means ends long before, unless rounding makes two states alternate.
	maxSteps = 100
	// batch is the number of points in a line of the output.
	batch = 50
)

// order is the payload of a job. Every field is optional.
type order struct {
	// Points is the number of points, 10 to 5,000.
	Points *int `json:"points"`
	// Groups is the number of groups, 2 to 8.
	Groups *int `json:"groups"`
	// Seed decides the points, 0 to 2^53-1. The default is derived from the job ID.
	Seed *uint64 `json:"seed"`
	// StepsPerSecond is the speed, so that users can follow. 0 means no limit. The default is 3.
	StepsPerSecond *float64 `json:"stepsPerSecond"`
}

// line is a line of the output: a change of the scatter plot that the web UI shows.
type line struct {
	// Add adds points.
	Add []point `json:"add,omitempty"`
	// Centers are the positions of all centers.
	Centers []point `json:"centers,omitempty"`
	// Moves are pairs of a point's index and its new group.
	Moves [][2]int `json:"moves,omitempty"`
}

// cluster is the handler of kind `cluster`.
//
// It has no checkpoint: the seed decides every byte of the output. The next attempt computes everything again, which takes
// milliseconds, and skips the bytes that are already in the output.
func cluster(ctx context.Context, task *headway.Task) (any, error) {
	o, err := readOrder(task)
	if err != nil {
		return nil, err
	}
	task.Plan(headway.StepPlan{Name: "scatter", Title: "Scatter the points", Weight: 1, Total: float64(*o.Points), Unit: "points"},
		headway.StepPlan{Name: "group", Title: "Find the groups", Weight: 3, Unit: "steps"})
	out := &log{out: task.Output(), told: task.Job().GetOutputBytes(), pace: *o.StepsPerSecond}
	if err := out.write(ctx, map[string]any{"view": "points"}); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(*o.Seed, 0))

	step := task.Step("scatter").Start()
	task.Message("Scattering %d points…", *o.Points)
	points := scatter(random, *o.Points, *o.Groups)
	for at := 0; at < len(points); at += batch {
		end := min(at+batch, len(points))
		if err := out.write(ctx, line{Add: points[at:end]}); err != nil {
			return nil, err
		}
		step.Set(float64(end))
	}
	step.Complete()

	step = task.Step("group").Start()
	k := newKMeans(random, points, *o.Groups)
	if err := out.write(ctx, line{Centers: k.centers}); err != nil {
		return nil, err
	}
	steps := 0
	for moves := k.step(); len(moves) > 0 && steps < maxSteps; moves = k.step() {
		steps++
		if err := out.write(ctx, line{Centers: k.centers, Moves: moves}); err != nil {
			return nil, err
		}
		task.Message("Step %d: %d points changed groups.", steps, len(moves))
		// The number of steps is unknown: the work ends when no points move.
		step.About(float64(steps + 1 + len(moves)*10/len(points))).Set(float64(steps))
	}
	step.Total(float64(steps)).Complete()
	task.Message("Found %d groups in %d steps.", *o.Groups, steps)

	groups := make([]map[string]any, len(k.centers))
	for g, size := range k.sizes() {
		groups[g] = map[string]any{"center": k.centers[g], "points": size}
	}
	return map[string]any{"points": len(points), "steps": steps, "spread": k.spread(), "groups": groups, "seed": *o.Seed}, nil
}

// log writes lines to the output at the pace of the job, and skips those that an earlier attempt has written.
type log struct {
	out  io.Writer
	at   int64 // bytes written so far, in this attempt or before
	told int64 // size of the output when this attempt started
	pace float64
}

// write writes a line. The error is that of ctx or the output.
func (l *log) write(ctx context.Context, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	text = append(text, '\n')
	l.at += int64(len(text))
	if l.at <= l.told { // a line is one append, so it is never written in part
		return nil
	}
	if l.pace > 0 {
		timer := time.NewTimer(time.Duration(float64(time.Second) / l.pace))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, err = l.out.Write(text)
	return err
}

// readOrder reads the payload and sets the defaults. An invalid payload stays invalid, so its job is not retried.
func readOrder(task *headway.Task) (order, error) {
	refuse := func(format string, args ...any) (order, error) {
		return order{}, headway.FailPermanently("PAYLOAD_INVALID", fmt.Sprintf(format, args...), nil)
	}
	h := fnv.New64a()
	h.Write([]byte(task.Job().GetJobId()))
	o := order{Points: new(defaultPoints), Groups: new(defaultGroups), Seed: new(h.Sum64() & maxSeed), StepsPerSecond: new(defaultPace)}
	if err := task.StrictPayload(&o); err != nil {
		return refuse("The payload can have points, groups, seed, and stepsPerSecond, which are numbers: %v.", err)
	}
	switch {
	case o.Points == nil || *o.Points < minPoints || *o.Points > maxPoints:
		return refuse("points must be a whole number from %d to %d.", minPoints, maxPoints)
	case o.Groups == nil || *o.Groups < minGroups || *o.Groups > maxGroups:
		return refuse("groups must be a whole number from %d to %d.", minGroups, maxGroups)
	case o.Seed == nil || *o.Seed > maxSeed:
		return refuse("seed must be a whole number from 0 to %d.", uint64(maxSeed))
	case o.StepsPerSecond == nil || *o.StepsPerSecond < 0 || *o.StepsPerSecond > maxPace:
		return refuse("stepsPerSecond must be from 0 to %g.", maxPace)
	}
	return o, nil
}
