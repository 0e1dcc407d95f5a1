package importrpc

import (
	"context"
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
	if !reportable(im, job) {
		return toStatus(imports.ErrReportNotReady)
	}
	kind, contentType, write := "report.xlsx", workbookType, s.writeReport
	if r.GetFormat() == importsv1.ReportFormat_REPORT_FORMAT_CSV {
		kind, contentType, write = "issues.csv", csvType, s.writeIssues
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

// reportable tells whether the import has ended or waits for review. What was purged has ended.
func reportable(im imports.Import, job *jobsv1.Job) bool {
	if job == nil {
		return im.Ended
	}
	return terminal(job.GetStatus()) || job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING
}

// writeReport reads the stored workbook again, for the rows that have issues.
func (s *Service) writeReport(ctx context.Context, out *pieces, im imports.Import) error {
	spec, err := s.Schemas.Get(im.Schema)
	if err != nil {
		return err
	}
	file, err := s.Workbooks.Open(ctx, im.ID)
	if err != nil {
		return err
	}
	book, err := xlsx.Open(ctx, file, file.Size(), s.Limits)
	if err != nil {
		return err
	}
	defer book.Close()
	causes, err := s.Books.RootCauses(ctx, im.ID)
	if err != nil {
		return err
	}
	told := report.Import{Schema: spec, FileName: im.FileName, Date1904: book.Date1904()}
	for _, sheet := range im.Sheets {
		c := sheet.Counts
		columns := make(map[int]string, len(sheet.Columns))
		for _, column := range sheet.Columns {
			columns[column.Column] = column.Name
		}
		told.Sheets = append(told.Sheets, report.Sheet{Name: sheet.Name, WorkbookSheet: sheet.WorkbookSheet, HeaderRow: sheet.HeaderRow,
			Columns: columns, Read: c.Read, Rejected: c.Rejected, Blocked: c.Blocked, Issues: c.Issues})
	}
	for _, c := range causes {
		told.Causes = append(told.Causes, report.Cause{Issue: reported(&c.Issue), BlockedRows: c.BlockedRows, Message: c.Message})
	}
	source := report.FromWorkbook(book, func(ctx context.Context, sheet string) iter.Seq2[report.Issue, error] {
		return s.keptIssues(ctx, im.ID, sheet)
	})
	return report.Write(ctx, out, told, source)
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
