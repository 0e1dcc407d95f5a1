package importrpc

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	headway "headway/clients/go"
	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/messages"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/downloads"
	"headway/services/importer/internal/imports"
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
	file, err := s.report(ctx, im, phase(job), format, messages.Negotiate(r.GetLanguage()))
	if err != nil {
		return toStatus(err)
	}
	defer file.Close()
	section, err := part(file, r)
	if err != nil {
		return err
	}
	first := &importsv1.DownloadReportResponse{
		Body: &httpbody.HttpBody{ContentType: contentType}, FileName: format.FileName(im.FileName),
		SizeBytes: file.Size(), Etag: file.ETag(),
	}
	for sent := int64(0); first != nil || sent < section.Size(); {
		m := first
		if m == nil {
			m = &importsv1.DownloadReportResponse{Body: &httpbody.HttpBody{}}
		}
		m.Body.Data = make([]byte, min(chunkBytes, section.Size()-sent))
		if _, err := io.ReadFull(section, m.Body.Data); err != nil {
			return rpcerr.Internal(fmt.Errorf("read a report again: %w", err))
		}
		if err := stream.Send(m); err != nil {
			return err
		}
		sent, first = sent+int64(len(m.GetBody().GetData())), nil
	}
	return nil
}

// report returns the file of a report. It has the numbers of one run, so another run makes another file.
func (s *Service) report(ctx context.Context, im imports.Import, in report.Phase, format report.Format, language messages.Language) (*downloads.File, error) {
	state, err := json.Marshal(im)
	if err != nil {
		return nil, fmt.Errorf("describe import %s: %w", im.ID, err)
	}
	key := fmt.Sprintf("%s %d %s %d %x", im.ID, format, language, in, sha256.Sum256(state))
	return s.Downloads.Get(ctx, key, func(ctx context.Context, w io.Writer) error {
		return s.Reports.Write(ctx, w, im, in, format, language)
	})
}

// part returns the part of a file that is requested.
func part(file *downloads.File, r *importsv1.DownloadReportRequest) (*io.SectionReader, error) {
	if etag := r.GetEtag(); etag != "" && etag != file.ETag() {
		return nil, rpcerr.New(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_RANGE_NOT_SATISFIABLE,
			"The file has changed since its first part. Download it from the beginning.")
	}
	left := file.Size() - r.GetOffset()
	if left < 0 {
		return nil, rpcerr.Newf(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_RANGE_NOT_SATISFIABLE,
			"The file has %d bytes. Start at its end, or before it.", file.Size())
	}
	if most := int64(r.GetMaxBytes()); most > 0 {
		left = min(left, most)
	}
	return io.NewSectionReader(file, r.GetOffset(), left), nil
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
