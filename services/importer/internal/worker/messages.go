package worker

import (
	"context"
	"fmt"

	headway "headway/clients/go"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/review"
	"headway/services/importer/internal/schema"
)

// progress is an load.Progress that tells a job.
type progress struct {
	runner *Runner
	task   *headway.Task
	titles map[string]string
}

// startOver sets the steps as they are when the workbook has been received and nothing else has happened.
func startOver(task *headway.Task, im imports.Import) {
	size := float64(im.SizeBytes)
	task.Step(imports.StepReceive).Total(size).Set(size).Complete()
	for _, sheet := range im.Sheets {
		count(task.Step(sheet.Name).Reset(), imports.Counts{})
	}
	task.Step(imports.StepFinish).Reset()
	task.Message("Opening the workbook")
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
func (p *progress) Waiting(place int) {
	if place == 1 {
		p.task.Message("Waiting: another import is writing and goes first")
		return
	}
	p.task.Message("Waiting: %d imports go first", place)
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

// Committing implements load.Progress.
func (p *progress) Committing(ctx context.Context) error {
	p.task.Message("Committing")
	p.task.Step(imports.StepFinish).Start()
	return p.runner.stillOurs(ctx, p.task.Job())
}

// maxSheetsInResult keeps a job's result and question within 8 KiB.
const maxSheetsInResult = 24

// result is what the job ends with.
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

// question is what the user is asked about an import that has errors.
func question(im imports.Import, o load.Summary, again bool) map[string]any {
	m := result(im, o)
	m["type"] = "review"
	m["again"] = again
	m["message"] = review.Question(o.Totals, again)
	return m
}

func countsJSON(c imports.Counts) map[string]any {
	m := map[string]any{}
	for name, n := range imports.CountersOf(c) {
		m[name] = n
	}
	return m
}

// summary is the last line on an import.
func summary(im imports.Import, o load.Summary) string {
	c := o.Totals
	what := fmt.Sprintf("%s inserted, %s updated, %s unchanged", imports.Grouped(c.Inserted), imports.Grouped(c.Updated), imports.Grouped(c.Unchanged))
	if review.Refused(c) > 0 {
		what += fmt.Sprintf(", %s left out", imports.Grouped(review.Refused(c)))
	}
	if im.Policy.DryRun {
		return "Dry run, nothing was written: " + what
	}
	return "Imported: " + what
}
