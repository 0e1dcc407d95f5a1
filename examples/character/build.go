package main

import (
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
	// readingPace is the default number of words per second: the speed of a reader.
	readingPace = 24
	maxPace     = 10_000
	maxSeed     = 1<<53 - 1 // the largest whole number that every JSON parser reads exactly
	maxName     = 40
)

// order is the payload of a job. Every field is optional.
type order struct {
	// Seed determines the character, 0 to 2^53-1. The default is derived from the job ID.
	Seed *uint64 `json:"seed"`
	// Name is the character's name, at most 40 characters. If empty, it is generated.
	Name string `json:"name"`
	// WordsPerSecond is the speed of the output. 0 means no limit. The default is 24.
	WordsPerSecond *float64 `json:"wordsPerSecond"`
}

// checkpoint is the state after a step, which the next attempt needs.
type checkpoint struct {
	Steps int          `json:"steps"` // steps built so far
	Told  int64        `json:"told"`  // bytes of output of these steps
	Sheet *sheet.Sheet `json:"sheet"`
}

// build is the handler of kind `character`. It builds a sheet step by step, and writes each step to the job's output.
//
// An attempt continues from the last checkpoint. The seed determines every byte of the output, so bytes of the current
// step that an earlier attempt has written are skipped.
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

// readOrder reads the payload and sets the defaults. An invalid payload stays invalid, so its job is not retried.
func readOrder(task *headway.Task) (order, error) {
	refuse := func(format string, args ...any) (order, error) {
		return order{}, headway.FailPermanently("PAYLOAD_INVALID", fmt.Sprintf(format, args...), nil)
	}
	var o order
	if err := task.StrictPayload(&o); err != nil {
		return refuse("The payload can have seed (a whole number), name (text), and wordsPerSecond (a number): %v.", err)
	}
	if o.Seed == nil {
		h := fnv.New64a()
		h.Write([]byte(task.Job().GetJobId()))
		o.Seed = new(h.Sum64() & maxSeed)
	}
	if o.WordsPerSecond == nil {
		o.WordsPerSecond = new(float64(readingPace))
	}
	o.Name = strings.TrimSpace(o.Name)
	switch {
	case *o.Seed > maxSeed:
		return refuse("seed must be a whole number from 0 to %d.", uint64(maxSeed))
	case utf8.RuneCountInString(o.Name) > maxName:
		return refuse("name must have at most %d characters.", maxName)
	case strings.ContainsFunc(o.Name, unicode.IsControl):
		return refuse("name must be one line of text.")
	case *o.WordsPerSecond < 0 || *o.WordsPerSecond > maxPace:
		return refuse("wordsPerSecond must be from 0 to %d.", maxPace)
	}
	return o, nil
}

// teller writes text to the job's output at a reader's speed, and skips the bytes that an earlier attempt has written.
type teller struct {
	out  *headway.Output
	at   int64 // bytes written so far, in this attempt or before
	told int64 // size of the output when this attempt started
	pace float64
}

// tell writes the text, and calls done with the number of bytes written so far. The error is that of ctx or the output.
func (t *teller) tell(ctx context.Context, text string, done func(bytes int)) error {
	passed := min(max(t.told-t.at, 0), int64(len(text)))
	rest := text[passed:]
	t.at += passed
	ticker := time.NewTicker(max(t.interval(), 1))
	defer ticker.Stop()
	for rest != "" {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		chunk := rest
		if t.pace > 0 {
			chunk = rest[:words(rest, t.wordsPerWrite())]
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		n, err := t.out.Write([]byte(chunk))
		t.at += int64(n)
		if err != nil {
			return err
		}
		rest = rest[n:]
		done(len(text) - len(rest))
	}
	return nil
}

// writesPerSecond limits the writes, because each one is on disk when it returns.
const writesPerSecond = 12

func (t *teller) wordsPerWrite() int { return max(1, int(t.pace/writesPerSecond)) }

// interval is the time between two writes.
func (t *teller) interval() time.Duration {
	if t.pace == 0 {
		return 0
	}
	return time.Duration(float64(t.wordsPerWrite()) / t.pace * float64(time.Second))
}

// words returns the length of the first n words of the text, including the white space after them.
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
