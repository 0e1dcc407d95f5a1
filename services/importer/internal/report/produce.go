package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/workbooks"
)

// pageSize is how many issues are read from the store at a time.
const pageSize = 1000

// Producer creates the downloads of an import from its stored workbook. All fields are required.
type Producer struct {
	Store     imports.Store
	Schemas   *schema.Registry
	Workbooks *workbooks.Reader
}

// Format is a kind of download.
type Format uint8

// The formats.
const (
	// Rejected is the workbook of the rows that were not imported.
	Rejected Format = iota
	// Issues is the list of the stored issues as CSV.
	Issues
	// Imported is the workbook of the imported rows.
	Imported
)

// FileName returns the file name of a download.
func (f Format) FileName(uploaded string) string {
	return FileName(uploaded, [...]string{"report.xlsx", "issues.csv", "imported.xlsx"}[f])
}

// Phase is the progress of an import's job.
type Phase uint8

// The phases.
const (
	// Purged means that the job no longer exists.
	Purged Phase = iota
	// Running means that the job is queued or active.
	Running
	// Waiting means that the job waits for a decision.
	Waiting
	// Ended means that the job is completed, failed, or cancelled.
	Ended
)

// Write writes a download. It returns imports.ErrReportNotReady, ErrNotCommittedYet, ErrNotConfirmed or
// ErrNothingCommitted, before it writes anything, if the import has none of this format in this phase of its job.
func (p *Producer) Write(ctx context.Context, w io.Writer, im imports.Import, phase Phase, format Format, language messages.Language) error {
	refused := refuseReport(im, phase)
	if format == Imported {
		refused = refuseImported(im, phase)
	}
	if refused != nil {
		return refused
	}
	download := p.load(im)
	download.Language = language
	if format == Issues {
		return WriteCSV(ctx, w, download)
	}
	var err error
	if download.Schema, err = p.Schemas.Get(im.Schema); err != nil {
		return err
	}
	book, err := p.Workbooks.Open(ctx, im.ID, im.Hints(), commentBytes(im, format))
	if err != nil {
		return err
	}
	defer book.Close()
	download.Workbook = book.Workbook
	if format == Imported {
		err := WriteImported(ctx, w, download)
		if errors.Is(err, imports.ErrNotFound) {
			return fmt.Errorf("%w: %w", imports.ErrRowResultsGone, err)
		}
		return err
	}
	if download.RootCauses, err = p.Store.RootCauses(ctx, im.ID); err != nil {
		return err
	}
	return Write(ctx, w, download)
}

// commentBytes returns the memory for the comments of a report.
func commentBytes(im imports.Import, format Format) int64 {
	issues := uint32(0)
	if format == Rejected {
		for i := range im.Sheets {
			issues = max(issues, min(im.Sheets[i].Counts.Issues, imports.KeptPerSheet))
		}
	}
	return int64(issues) * imports.CommentBytes
}

// load returns the stored data of an import.
func (p *Producer) load(im imports.Import) Import {
	return Import{Import: im,
		Results: func(ctx context.Context, sheet string) (imports.RowResults, error) {
			return p.Store.RowResults(ctx, im.ID, sheet)
		},
		Issues: func(ctx context.Context, sheet string) iter.Seq2[imports.Issue, error] {
			return p.issues(ctx, im.ID, sheet)
		},
	}
}

// issues returns the stored issues of a sheet, or of all if empty, in the order of the sheets and rows.
func (p *Producer) issues(ctx context.Context, id, sheet string) iter.Seq2[imports.Issue, error] {
	return func(yield func(imports.Issue, error) bool) {
		filter := imports.IssueFilter{Sheet: sheet, Limit: pageSize}
		for {
			page, err := p.Store.Issues(ctx, id, filter)
			if err != nil {
				yield(imports.Issue{}, err)
				return
			}
			for _, issue := range page.Issues {
				if !yield(issue, nil) {
					return
				}
			}
			if page.Next == nil {
				return
			}
			filter.After = *page.Next
		}
	}
}

// refuseReport returns why there is no report yet. An import has one when it has ended or waits for a decision.
func refuseReport(im imports.Import, phase Phase) error {
	if phase == Running || phase == Purged && !im.Ended {
		return imports.ErrReportNotReady
	}
	return nil
}

// refuseImported returns why there are no imported rows.
func refuseImported(im imports.Import, phase Phase) error {
	switch {
	case im.Committed:
		return nil
	case phase == Waiting:
		return imports.ErrNotConfirmed
	case phase == Running:
		return imports.ErrNotCommittedYet
	}
	return imports.ErrNothingCommitted
}
