package importrpc

import (
	"context"
	"errors"
	"iter"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/report"
	"headway/services/importer/internal/xlsx"
)

// issuesAtOnce is how many issues a report reads from the books at a time.
const issuesAtOnce = 1000

// DownloadReport implements headway.imports.v1.ImportService.
func (s *Service) DownloadReport(r *importsv1.DownloadReportRequest, stream grpc.ServerStreamingServer[importsv1.DownloadReportResponse]) error {
	ctx := stream.Context()
	if _, err := s.visible(ctx, r.GetImportId()); err != nil {
		return toStatus(err)
	}
	job, err := s.job(ctx, r.GetImportId())
	if err != nil {
		return toStatus(err)
	}
	// Read after the job: the numbers are those of the run that the job has ended with.
	im, err := s.Books.Get(ctx, r.GetImportId())
	if err != nil {
		return toStatus(err)
	}
	kind, contentType, write, refused := "report.xlsx", workbookType, s.writeReport, refuseReport
	switch r.GetFormat() {
	case importsv1.ReportFormat_REPORT_FORMAT_CSV:
		kind, contentType, write = "issues.csv", csvType, s.writeIssues
	case importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX:
		kind, write, refused = "imported.xlsx", s.writeImported, refuseImported
	}
	if err := refused(im, job); err != nil {
		return toStatus(err)
	}
	out := newPieces(func(body *httpbody.HttpBody, first bool) error {
		m := &importsv1.DownloadReportResponse{Body: body}
		if first {
			body.ContentType, m.FileName = contentType, report.FileName(im.FileName, kind)
		}
		return stream.Send(m)
	})
	if err := write(ctx, out, im); err != nil {
		return toStatus(err)
	}
	return toStatus(out.flush())
}

// refuseReport gives why there is no report: only of an import that has ended or waits for review is there one. What was
// purged has ended.
func refuseReport(im imports.Import, job *jobsv1.Job) error {
	ended := im.Ended
	if job != nil {
		ended = terminal(job.GetStatus()) || job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING
	}
	if !ended {
		return imports.ErrReportNotReady
	}
	return nil
}

// refuseImported gives why there are no imported rows.
func refuseImported(im imports.Import, job *jobsv1.Job) error {
	switch {
	case im.Committed:
		return nil
	case job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING:
		return imports.ErrNotConfirmed
	case job != nil && !terminal(job.GetStatus()):
		return imports.ErrNotCommittedYet
	}
	return imports.ErrNothingCommitted
}

// openUpload opens the stored workbook once more, and gives what a report tells about the import.
func (s *Service) openUpload(ctx context.Context, im imports.Import) (*xlsx.Workbook, report.Import, error) {
	spec, err := s.Schemas.Get(im.Schema)
	if err != nil {
		return nil, report.Import{}, err
	}
	file, err := s.Workbooks.Open(ctx, im.ID)
	if err != nil {
		return nil, report.Import{}, err
	}
	book, err := xlsx.Open(ctx, file, file.Size(), s.Limits)
	if err != nil {
		return nil, report.Import{}, err
	}
	told := report.Import{Schema: spec, FileName: im.FileName, Date1904: book.Date1904()}
	for _, sheet := range im.Sheets {
		c := sheet.Counts
		columns := make(map[int]string, len(sheet.Columns))
		for _, column := range sheet.Columns {
			columns[column.Column] = column.Name
		}
		told.Sheets = append(told.Sheets, report.Sheet{Name: sheet.Name, WorkbookSheet: sheet.WorkbookSheet, HeaderRow: sheet.HeaderRow,
			Columns: columns, Read: c.Read, Rejected: c.Rejected, Blocked: c.Blocked, Issues: c.Issues,
			Inserted: c.Inserted, Updated: c.Updated, Unchanged: c.Unchanged})
	}
	return book, told, nil
}

// writeReport reads the stored workbook again, for the rows that have issues.
func (s *Service) writeReport(ctx context.Context, out *pieces, im imports.Import) error {
	book, told, err := s.openUpload(ctx, im)
	if err != nil {
		return err
	}
	defer book.Close()
	causes, err := s.Books.RootCauses(ctx, im.ID)
	if err != nil {
		return err
	}
	for _, c := range causes {
		told.Causes = append(told.Causes, report.Cause{Issue: reported(&c.Issue), BlockedRows: c.BlockedRows, Message: c.Message})
	}
	source := report.FromWorkbook(book, func(ctx context.Context, sheet string) iter.Seq2[report.Issue, error] {
		return s.keptIssues(ctx, im.ID, sheet)
	})
	return report.Write(ctx, out, told, source)
}

// writeImported reads the stored workbook again, for the rows that the committing run noted as imported.
func (s *Service) writeImported(ctx context.Context, out *pieces, im imports.Import) error {
	book, told, err := s.openUpload(ctx, im)
	if err != nil {
		return err
	}
	defer book.Close()
	return report.WriteImported(ctx, out, told, book, func(sheet string) (imports.Outcomes, error) {
		outcomes, err := s.Books.Outcomes(ctx, im.ID, sheet)
		if errors.Is(err, imports.ErrNotFound) {
			err = imports.ErrOutcomesGone
		}
		return outcomes, err
	})
}

func (s *Service) writeIssues(ctx context.Context, out *pieces, im imports.Import) error {
	return report.WriteCSV(out, s.keptIssues(ctx, im.ID, ""))
}

// keptIssues gives the kept issues of a sheet, or of all, in the order of the sheets and rows.
func (s *Service) keptIssues(ctx context.Context, id, sheet string) iter.Seq2[report.Issue, error] {
	return func(yield func(report.Issue, error) bool) {
		filter := imports.IssueFilter{Sheet: sheet, Limit: issuesAtOnce}
		for {
			page, err := s.Books.Issues(ctx, id, filter)
			if err != nil {
				yield(report.Issue{}, err)
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

func reported(is *imports.Issue) report.Issue {
	return report.Issue{Sheet: is.Sheet, Cell: is.Cell, Row: is.Row, CellColumn: is.CellColumn, Column: is.Column, Value: is.Value,
		Warning: is.Severity == imports.Warning, Blocked: is.Code == imports.ReferenceBlocked, Code: is.Code.String(), Message: is.Message}
}
