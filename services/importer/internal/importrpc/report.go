package importrpc

import (
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	headway "headway/clients/go"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/report"
)

// DownloadReport implements headway.imports.v1.ImportService.
func (s *Service) DownloadReport(r *importsv1.DownloadReportRequest, stream grpc.ServerStreamingServer[importsv1.DownloadReportResponse]) error {
	ctx := stream.Context()
	if err := mayRead(ctx); err != nil {
		return err
	}
	if _, err := s.visible(ctx, r.GetImportId()); err != nil {
		return toStatus(err)
	}
	job, err := s.Follow.Job(ctx, r.GetImportId())
	if err != nil {
		return toStatus(err)
	}
	// The import is read after the job, so that its counts are those of the job's last run.
	im, err := s.Store.Get(ctx, r.GetImportId())
	if err != nil {
		return toStatus(err)
	}
	format, contentType := report.Rejected, workbookType
	switch r.GetFormat() {
	case importsv1.ReportFormat_REPORT_FORMAT_CSV:
		format, contentType = report.Issues, csvType
	case importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX:
		format = report.Imported
	}
	out := newChunks(func(body *httpbody.HttpBody, first bool) error {
		m := &importsv1.DownloadReportResponse{Body: body}
		if first {
			body.ContentType, m.FileName = contentType, format.FileName(im.FileName)
		}
		return stream.Send(m)
	})
	if err := s.Reports.Write(ctx, out, im, phase(job), format); err != nil {
		return toStatus(err)
	}
	return toStatus(out.flush())
}

func phase(job *jobsv1.Job) report.Phase {
	switch {
	case job == nil:
		return report.Purged
	case headway.Terminal(job.GetStatus()):
		return report.Ended
	case job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING:
		return report.Waiting
	}
	return report.Running
}
