package report

import (
	"context"
	"errors"
	"io"
	"iter"

	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// pageSize is how many issues are read from the store at a time.
const pageSize = 1000

// Producer makes the downloads of an import from its stored workbook. All fields but Limits are required.
type Producer struct {
	Store   imports.Store
	Files   *files.Store
	Schemas *schema.Registry
	// Limits bound the size of an unpacked workbook.
	Limits source.Limits
	// Openers open the kinds of files that can be imported.
	Openers source.Openers
}

// Format is a kind of download.
type Format uint8

// The formats.
const (
	// Rejected is the workbook of the rows that were not imported.
	Rejected Format = iota
	// Issues is the list of the kept issues as CSV.
	Issues
	// Imported is the workbook of the imported rows.
	Imported
)

// FileName is the name to save a download under.
func (f Format) FileName(uploaded string) string {
	return FileName(uploaded, [...]string{"report.xlsx", "issues.csv", "imported.xlsx"}[f])
}

// Phase is how far an import's job is.
type Phase uint8

// The phases.
const (
	// Purged means that the job no longer exists.
	Purged Phase = iota
	// Running means that the job is queued or active.
	Running
	// Waiting means that the job waits for a decision.
	Waiting
	// Ended means that the job is completed, failed or cancelled.
	Ended
)

// Write writes a download. It returns imports.ErrReportNotReady, ErrNotCommittedYet, ErrNotConfirmed or
// ErrNothingCommitted, before it writes anything, if the import has none of this format in this phase of its job.
func (p *Producer) Write(ctx context.Context, w io.Writer, im imports.Import, phase Phase, format Format) error {
	switch format {
	case Imported:
		if err := refuseImported(im, phase); err != nil {
			return err
		}
		return p.writeImported(ctx, w, im)
	case Issues:
		if err := refuseReport(im, phase); err != nil {
			return err
		}
		return WriteCSV(w, p.keptIssues(ctx, im.ID, ""))
	}
	if err := refuseReport(im, phase); err != nil {
		return err
	}
	return p.writeReport(ctx, w, im)
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

// openUpload opens the stored workbook once more, and gives what a report tells about the import.
func (p *Producer) openUpload(ctx context.Context, im imports.Import) (source.Workbook, Import, error) {
	spec, err := p.Schemas.Get(im.Schema)
	if err != nil {
		return nil, Import{}, err
	}
	file, err := p.Files.Open(ctx, im.ID)
	if err != nil {
		return nil, Import{}, err
	}
	book, err := p.Openers.Open(ctx, file, file.Size(), p.Limits)
	if err != nil {
		return nil, Import{}, err
	}
	told := Import{Schema: spec, FileName: im.FileName, Date1904: source.Date1904(book)}
	for _, sheet := range im.Sheets {
		c := sheet.Counts
		columns := make(map[int]string, len(sheet.Columns))
		for _, column := range sheet.Columns {
			columns[column.Column] = column.Name
		}
		told.Sheets = append(told.Sheets, Sheet{Name: sheet.Name, WorkbookSheet: sheet.WorkbookSheet, HeaderRow: sheet.HeaderRow,
			Columns: columns, Read: c.Read, Rejected: c.Rejected, Blocked: c.Blocked, Issues: c.Issues,
			Inserted: c.Inserted, Updated: c.Updated, Unchanged: c.Unchanged})
	}
	return book, told, nil
}

// writeReport reads the stored workbook again, for the rows that have issues.
func (p *Producer) writeReport(ctx context.Context, out io.Writer, im imports.Import) error {
	book, told, err := p.openUpload(ctx, im)
	if err != nil {
		return err
	}
	defer book.Close()
	causes, err := p.Store.RootCauses(ctx, im.ID)
	if err != nil {
		return err
	}
	for _, c := range causes {
		told.Causes = append(told.Causes, Cause{Issue: reported(&c.Issue), BlockedRows: c.BlockedRows, Message: c.Message})
	}
	source := FromWorkbook(book, func(ctx context.Context, sheet string) iter.Seq2[Issue, error] {
		return p.keptIssues(ctx, im.ID, sheet)
	})
	return Write(ctx, out, told, source)
}

// writeImported reads the stored workbook again, for the rows that the committing run noted as imported.
func (p *Producer) writeImported(ctx context.Context, out io.Writer, im imports.Import) error {
	book, told, err := p.openUpload(ctx, im)
	if err != nil {
		return err
	}
	defer book.Close()
	return WriteImported(ctx, out, told, book, func(sheet string) (imports.Outcomes, error) {
		outcomes, err := p.Store.Outcomes(ctx, im.ID, sheet)
		if errors.Is(err, imports.ErrNotFound) {
			err = imports.ErrOutcomesGone
		}
		return outcomes, err
	})
}

// keptIssues gives the kept issues of a sheet, or of all, in the order of the sheets and rows.
func (p *Producer) keptIssues(ctx context.Context, id, sheet string) iter.Seq2[Issue, error] {
	return func(yield func(Issue, error) bool) {
		filter := imports.IssueFilter{Sheet: sheet, Limit: pageSize}
		for {
			page, err := p.Store.Issues(ctx, id, filter)
			if err != nil {
				yield(Issue{}, err)
				return
			}
			for i := range page.Issues {
				if !yield(reported(&page.Issues[i]), nil) {
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

func reported(is *imports.Issue) Issue {
	return Issue{Sheet: is.Sheet, Cell: is.Cell, Row: is.Row, CellColumn: is.CellColumn, Column: is.Column, Value: is.Value,
		Warning: is.Severity == imports.Warning, Blocked: is.Code == imports.ReferenceBlocked, Code: is.Code.String(), Message: is.Message}
}
