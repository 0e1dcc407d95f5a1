package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	headway "headway/clients/go"
	"headway/internal/messages"
	"headway/internal/messages/messagepb"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/review"
	"headway/services/importer/internal/schema"
)

// progress implements load.Progress by updating a job.
type progress struct {
	runner *Runner
	task   *headway.Task
	titles map[string]string
	sheets []imports.Sheet
}

// startOver sets the steps to their state after the upload.
func startOver(task *headway.Task, im imports.Import) {
	size := float64(im.SizeBytes)
	task.Step(imports.StepReceive).Total(size).Set(size).Complete()
	resetSheets(task, im.Sheets)
	task.Step(imports.StepFinish).Reset().Total(0)
	task.Message("Opening the file")
}

func resetSheets(task *headway.Task, sheets []imports.Sheet) {
	for _, sheet := range sheets {
		count(task.Step(sheet.Name).Reset(), imports.Counts{})
	}
}

func count(step *headway.Step, counts imports.Counts) *headway.Step {
	for name, n := range imports.CountersOf(counts) {
		step.Counter(name, n)
	}
	return step
}

func titles(spec *schema.Schema) map[string]string {
	t := map[string]string{}
	for _, sheet := range spec.Sheets {
		t[sheet.Name] = sheet.Title
	}
	return t
}

// Waiting implements load.Progress.
func (p *progress) Waiting(ahead int) {
	if ahead == 1 {
		p.task.Message("Waiting: 1 import is ahead of yours")
		return
	}
	p.task.Message("Waiting: %d imports are ahead of yours", ahead)
}

// Restarts implements load.Progress.
func (p *progress) Restarts(why string) {
	resetSheets(p.task, p.sheets)
	p.task.Step(imports.StepFinish).Reset().Total(0) // the next pass can have fewer rows to write, or none
	p.task.Message("%s", why)
}

// SheetBegins implements load.Progress.
func (p *progress) SheetBegins(sheet string) {
	p.task.Message("%s", p.titles[sheet])
	p.task.Step(sheet).Start()
}

// SheetMoves implements load.Progress.
func (p *progress) SheetMoves(sheet string, done, about uint32, counts imports.Counts) {
	p.task.Message("%s: %s of about %s", p.titles[sheet], imports.Grouped(done), imports.Rows(about))
	count(p.task.Step(sheet), counts).About(float64(max(done, about))).Set(float64(done))
}

// SheetEnds implements load.Progress.
func (p *progress) SheetEnds(sheet string, counts imports.Counts) {
	p.task.Message("%s: %s", p.titles[sheet], imports.Rows(counts.Read))
	count(p.task.Step(sheet), counts).Total(float64(counts.Read)).Set(float64(counts.Read)).Complete()
}

// Writes implements load.Progress.
func (p *progress) Writes(written, all uint32) {
	p.task.Message("Writing: %s of %s", imports.Grouped(written), imports.Rows(all))
	p.task.Step(imports.StepFinish).Start().Total(float64(all)).Set(float64(written))
}

// Doing implements load.Progress.
func (p *progress) Doing(what string) { p.task.Message("%s", what) }

// Committing implements load.Progress.
func (p *progress) Committing(ctx context.Context) error {
	p.task.Message("Saving")
	p.task.Step(imports.StepFinish).Start()
	return p.runner.stillOurs(ctx, p.task.Job())
}

// maxSheetsInResult keeps a job's result and question within the limit of a job's documents.
const maxSheetsInResult = 24

// These keep the question within the snapshot of a job.
const (
	maxChangesInQuestion    = 12
	maxStatementsInQuestion = 1500 // bytes
	maxDetail               = 80   // characters
)

// result returns the result of the job.
func result(im imports.Import, o load.Summary) map[string]any {
	m := map[string]any{
		"importId": im.ID, "schema": im.Schema, "committed": o.Committed, "dryRun": im.Policy.DryRun,
		"totals": countsJSON(o.Totals),
	}
	if len(im.Sheets) <= maxSheetsInResult {
		sheets := map[string]any{}
		for _, sheet := range im.Sheets {
			sheets[sheet.Name] = countsJSON(o.Sheets[sheet.Name])
		}
		m["sheets"] = sheets
	}
	return m
}

// question returns the question of a job whose import has errors.
func question(im imports.Import, o load.Summary, again bool) map[string]any {
	m := result(im, o)
	m["type"] = "review"
	m["again"] = again
	m["message"] = review.Question(o.Totals, again)
	if len(o.Changes) > 0 {
		m["tableChanges"], m["tableChangeCount"] = changesJSON(o.Changes), len(o.Changes)
	}
	return m
}

// changesJSON returns the changes of tables that the user decides about: the first ones, and with their statements if these are short.
// "headway schema diff" shows all of them.
func changesJSON(changes []imports.Change) []any {
	length := 0
	for _, c := range changes {
		length += len(strings.Join(c.Statements, ""))
	}
	all := make([]any, 0, maxChangesInQuestion)
	for _, c := range changes[:min(len(changes), maxChangesInQuestion)] {
		detail := []rune(c.Detail)
		one := map[string]any{"table": c.Table, "kind": string(c.Kind), "detail": string(detail[:min(len(detail), maxDetail)])}
		if !c.Says.IsZero() {
			one["text"] = textJSON(c.Says)
		}
		if length <= maxStatementsInQuestion {
			var statements []any
			for _, s := range c.Statements {
				statements = append(statements, s)
			}
			one["statements"] = statements
		}
		all = append(all, one)
	}
	return all
}

// textJSON returns a message as JSON, with its ID and parameters, by which the web UI writes it in its language.
func textJSON(m messages.Message) map[string]any {
	text := map[string]any{}
	encoded, err := protojson.Marshal(messagepb.Text(m))
	if err == nil {
		err = json.Unmarshal(encoded, &text)
	}
	if err != nil { // a message of a catalog always has an encoding
		return nil
	}
	return text
}

func countsJSON(c imports.Counts) map[string]any {
	m := map[string]any{}
	for name, n := range imports.CountersOf(c) {
		m[name] = n
	}
	return m
}

// summary returns the last message of a job.
func summary(im imports.Import, o load.Summary) string {
	c := o.Totals
	what := fmt.Sprintf("%s added, %s updated, %s already there", imports.Grouped(c.Inserted), imports.Grouped(c.Updated), imports.Grouped(c.Unchanged))
	if review.Refused(c) > 0 {
		what += fmt.Sprintf(", %s skipped", imports.Grouped(review.Refused(c)))
	}
	if im.Policy.DryRun {
		return "Test finished, nothing was saved: " + what
	}
	return "Imported: " + what
}
