package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"headway/clients/go"
	"headway/examples/character/sheet"
)

const (
	// readingPace is how many words a second are told if the order does not say: as fast as somebody reads along.
	readingPace = 24
	mostPace    = 10_000
	mostSeed    = 1<<53 - 1 // the largest whole number that every JSON reader keeps exact
	mostName    = 40
)

// order is a job's payload. All of it may be left out.
type order struct {
	// Seed decides the character; 0 to 2^53-1. One made of the job's id if left out.
	Seed *uint64 `json:"seed"`
	// Name is the character's name, at most 40 characters. One is found if empty.
	Name string `json:"name"`
	// WordsPerSecond is how fast the output is told; 0 for as fast as it goes. 24 if left out.
	WordsPerSecond *float64 `json:"wordsPerSecond"`
}

// checkpoint is what the next attempt needs after a step's end.
type checkpoint struct {
	Steps int          `json:"steps"` // built so far
	Told  int64        `json:"told"`  // bytes of output that these steps have told
	Sheet *sheet.Sheet `json:"sheet"`
}

// build is the handler of kind `character`: it builds a sheet step by step, and tells each step in the job's output.
//
// An attempt goes on where the last checkpoint was made. What it tells is decided by the seed, so what an attempt before
// has already told of the step it was in is passed over, to the byte.
func build(ctx context.Context, task *headway.Task) (any, error) {
	o, err := readOrder(task)
	if err != nil {
		return nil, err
	}
	at := checkpoint{Sheet: sheet.New(*o.Seed, o.Name)}
	if saved := task.LastCheckpoint(); len(saved) > 0 {
		if err := json.Unmarshal(saved, &at); err != nil {
			return nil, fmt.Errorf("read the checkpoint: %w", err)
		}
		at.Sheet.Continue(o.Name)
	}
	plan := make([]headway.StepPlan, len(sheet.Steps))
	for i, s := range sheet.Steps {
		plan[i] = headway.StepPlan{Name: s.Name, Title: s.Title, Weight: s.Weight, Total: float64(s.Units), Unit: cmp.Or(s.Unit, "words")}
	}
	task.Plan(plan...)
	teller := &teller{out: task.Output(), at: at.Told, told: task.Job().GetOutputBytes(), pace: *o.WordsPerSecond}

	for ; at.Steps < len(sheet.Steps); at.Steps++ {
		part := &sheet.Steps[at.Steps]
		step := task.Step(part.Name).Start()
		task.Message("%s…", part.Title)
		text, err := part.Build(ctx, at.Sheet, func(units int) { step.Set(float64(units)) })
		if err != nil {
			return nil, err
		}
		told := func(part string) float64 { return float64(len(strings.Fields(part))) }
		if part.Units == 0 {
			step.Total(told(text))
		}
		err = teller.tell(ctx, text, func(bytes int) {
			if part.Units == 0 {
				step.Set(told(text[:bytes]))
			}
		})
		if err != nil {
			return nil, err
		}
		step.Complete()
		saved, err := json.Marshal(checkpoint{Steps: at.Steps + 1, Told: teller.at, Sheet: at.Sheet})
		if err != nil {
			return nil, fmt.Errorf("write the checkpoint: %w", err)
		}
		task.Checkpoint(saved)
	}
	task.Message("%s is ready.", at.Sheet.Name)
	return at.Sheet, nil
}

// readOrder reads the payload and fills in the defaults. A payload that is wrong today is wrong tomorrow: no retry.
func readOrder(task *headway.Task) (order, error) {
	refuse := func(format string, args ...any) (order, error) {
		return order{}, headway.FailForGood("PAYLOAD_INVALID", fmt.Sprintf(format, args...), nil)
	}
	var o order
	if payload := task.Job().GetPayload(); payload != nil {
		text, err := payload.MarshalJSON()
		if err != nil {
			return order{}, fmt.Errorf("read the payload: %w", err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&o); err != nil {
			return refuse("The payload may hold seed (a whole number), name (a text) and wordsPerSecond (a number): %v.", err)
		}
	}
	if o.Seed == nil {
		h := fnv.New64a()
		h.Write([]byte(task.Job().GetJobId()))
		o.Seed = new(h.Sum64() & mostSeed)
	}
	if o.WordsPerSecond == nil {
		o.WordsPerSecond = new(float64(readingPace))
	}
	o.Name = strings.TrimSpace(o.Name)
	switch {
	case *o.Seed > mostSeed:
		return refuse("seed must be a whole number from 0 to %d.", uint64(mostSeed))
	case utf8.RuneCountInString(o.Name) > mostName:
		return refuse("name must have at most %d characters.", mostName)
	case strings.ContainsFunc(o.Name, unicode.IsControl):
		return refuse("name must be one line of text.")
	case *o.WordsPerSecond < 0 || *o.WordsPerSecond > mostPace:
		return refuse("wordsPerSecond must be from 0 to %d.", mostPace)
	}
	return o, nil
}

// teller writes text to the job's output at a reader's pace, and passes over what was written in an attempt before.
type teller struct {
	out  *headway.Output
	at   int64 // bytes told so far, in this attempt or before
	told int64 // bytes that the output held when this attempt began
	pace float64
}

// tell tells the text; done is told how much of it is. The error is ctx's or the output's.
func (t *teller) tell(ctx context.Context, text string, done func(bytes int)) error {
	passed := min(max(t.told-t.at, 0), int64(len(text)))
	rest := text[passed:]
	t.at += passed
	beat := time.NewTicker(max(t.interval(), 1))
	defer beat.Stop()
	for rest != "" {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		piece := rest
		if t.pace > 0 {
			piece = rest[:words(rest, t.wordsPerWrite())]
			select {
			case <-beat.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		n, err := t.out.Write([]byte(piece))
		t.at += int64(n)
		if err != nil {
			return err
		}
		rest = rest[n:]
		done(len(text) - len(rest))
	}
	return nil
}

// writesPerSecond bounds how often output is written: each write is on disk when it returns.
const writesPerSecond = 12

func (t *teller) wordsPerWrite() int { return max(1, int(t.pace/writesPerSecond)) }

// interval is the time between two writes.
func (t *teller) interval() time.Duration {
	if t.pace == 0 {
		return 0
	}
	return time.Duration(float64(t.wordsPerWrite()) / t.pace * float64(time.Second))
}

// words gives where the first n words of the text end, with the white space behind them.
func words(text string, n int) int {
	inWord := false
	for i, r := range text {
		if unicode.IsSpace(r) {
			inWord = false
			continue
		}
		if !inWord {
			if n == 0 {
				return i
			}
			n--
			inWord = true
		}
	}
	return len(text)
}
