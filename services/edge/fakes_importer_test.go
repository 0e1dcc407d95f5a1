package edge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// importerFake accepts workbooks that begin like a zip file, and returns the imports that a test sets.
type importerFake struct {
	importsv1.UnimplementedImportServiceServer
	mu      sync.Mutex
	changed chan struct{}
	imports map[string]*importsv1.Import
	// running and kept count unfinished and complete uploads. largest is the size of the largest chunk.
	running, kept, largest int
	// received counts the bytes of all workbooks.
	received int64
	options  *importsv1.UploadOptions
	sha      string
	watches  int
	// hold, if not nil, stops the reading of uploads.
	hold chan struct{}
	// byRequest, if not nil, has the import of each request ID, as the importer does. loseAnswers is the number of
	// responses that will be lost after the import was created.
	byRequest   map[string]*importsv1.Import
	loseAnswers int
	// uploads counts calls.
	uploads int
	// hosts are the host names that the gateway forwarded with calls for files.
	hosts []string
}

func newImporterFake() *importerFake {
	return &importerFake{imports: map[string]*importsv1.Import{}, changed: make(chan struct{})}
}

func (f *importerFake) put(i *importsv1.Import) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.imports[i.GetImportId()] = i
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *importerFake) state(read func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	read()
}

func (f *importerFake) noteHost(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.state(func() { f.hosts = append(f.hosts, md.Get("x-forwarded-host")...) })
}

// PreviewFile returns the number of bytes of each file as the name of a sheet.
func (f *importerFake) PreviewFile(stream grpc.ClientStreamingServer[importsv1.PreviewFileRequest, importsv1.PreviewFileResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	sheets := []*importsv1.PreviewSheet{{}}
	size := 0
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if next := msg.GetNextFile(); next != nil {
			sheets, size = append(sheets, &importsv1.PreviewSheet{File: next.GetFileName()}), 0
		}
		size += len(msg.GetData())
		sheets[len(sheets)-1].Name = fmt.Sprint(size, " bytes")
	}
	return stream.SendAndClose(&importsv1.PreviewFileResponse{Preview: &importsv1.FilePreview{
		Schema: first.GetOptions().GetSchema(), FileName: first.GetOptions().GetFileName(), Mapping: first.GetOptions().GetMapping(),
		Sheets: sheets, TextFormats: first.GetOptions().GetTextFormats(),
	}})
}

func (f *importerFake) UploadWorkbook(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]) error {
	f.noteHost(stream.Context())
	f.state(func() { f.running++; f.uploads++ })
	defer f.state(func() { f.running-- })
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	f.state(func() { f.options = first.GetOptions() })
	hash, size := sha256.New(), 0
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if size == 0 && !strings.HasPrefix(string(msg.GetData()), "PK") {
			return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_NOT_A_WORKBOOK, "The file is not a workbook.")
		}
		hash.Write(msg.GetData())
		size += len(msg.GetData())
		f.state(func() { f.largest = max(f.largest, len(msg.GetData())); f.received += int64(len(msg.GetData())) })
		if f.hold != nil {
			select {
			case <-f.hold:
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
	}
	if size == 0 {
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FILE_EMPTY, "The file is empty.")
	}
	if o := first.GetOptions(); o.GetConfirmMapping() {
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN, "The column “Birthday” could be for birth_date.")
	}
	if err := stream.Context().Err(); err != nil { // nothing can be stored after this
		return err
	}
	who, _ := auth.FromContext(stream.Context())
	var answer *importsv1.UploadWorkbookResponse
	lost := false
	f.state(func() {
		f.sha = hex.EncodeToString(hash.Sum(nil))
		id := first.GetOptions().GetRequestId()
		if earlier := f.byRequest[id]; earlier != nil {
			answer = &importsv1.UploadWorkbookResponse{Import: earlier, Replayed: true}
			return
		}
		f.kept++
		answer = &importsv1.UploadWorkbookResponse{Import: &importsv1.Import{
			ImportId: "imp-1", Owner: who.Subject, FileName: first.GetOptions().GetFileName(), SizeBytes: int64(size), Sha256: f.sha,
		}}
		if f.byRequest != nil {
			f.byRequest[id], f.imports["imp-1"] = answer.GetImport(), answer.GetImport()
		}
		if lost = f.loseAnswers > 0; lost {
			f.loseAnswers--
		}
	})
	if lost {
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, "Lost.")
	}
	return stream.SendAndClose(answer)
}

func (f *importerFake) find(ctx context.Context, id string) (*importsv1.Import, chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	who, _ := auth.FromContext(ctx)
	if i := f.imports[id]; i != nil && who.MaySee(i.GetOwner()) {
		return i, f.changed, nil
	}
	return nil, nil, rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND, "No such import.")
}

func (f *importerFake) GetImport(ctx context.Context, r *importsv1.GetImportRequest) (*importsv1.GetImportResponse, error) {
	i, _, err := f.find(ctx, r.GetImportId())
	return &importsv1.GetImportResponse{Import: i}, err
}

func (f *importerFake) WatchImport(r *importsv1.WatchImportRequest, stream grpc.ServerStreamingServer[importsv1.WatchImportResponse]) error {
	f.state(func() { f.watches++ })
	defer f.state(func() { f.watches-- })
	for last := r.GetAfterRevision(); ; {
		i, changed, err := f.find(stream.Context(), r.GetImportId())
		if err != nil {
			return err
		}
		if rev := i.GetJob().GetRevision(); rev > last || ended(i.GetJob()) {
			last = rev
			if err := stream.Send(&importsv1.WatchImportResponse{Import: i}); err != nil || ended(i.GetJob()) {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

func (f *importerFake) GetSample(r *importsv1.GetSampleRequest, stream grpc.ServerStreamingServer[importsv1.GetSampleResponse]) error {
	f.noteHost(stream.Context())
	if r.GetSchema() != "workforce" {
		return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND, "No such schema.")
	}
	name := "Prüfung \"1\".xlsx"
	for i := range r.GetRows() {
		body := &httpbody.HttpBody{ContentType: xlsxType, Data: []byte(strings.Repeat("x", 1000))}
		if err := stream.Send(&importsv1.GetSampleResponse{Body: body, FileName: name}); err != nil {
			return err
		}
		if i == 500 { // an error in the middle
			return rpcerr.Internal(errors.New("broken"))
		}
	}
	return nil
}

func (f *importerFake) DownloadReport(r *importsv1.DownloadReportRequest, stream grpc.ServerStreamingServer[importsv1.DownloadReportResponse]) error {
	if r.GetFormat() == importsv1.ReportFormat_REPORT_FORMAT_CSV {
		return sendPart(issuesFile, r, stream)
	}
	if r.GetFormat() == importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX {
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED, "Confirm it first.")
	}
	return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_REPORT_NOT_READY, "Not yet.")
}

// issuesFile is the list of issues of every import of the fake.
var issuesFile = bytes.Repeat([]byte("sheet,cell\r\n"), 10_000)

// sendPart sends a part of a file, as the importer does. The file has changed if the ID of the import is "changed".
func sendPart(file []byte, r *importsv1.DownloadReportRequest, stream grpc.ServerStreamingServer[importsv1.DownloadReportResponse]) error {
	if r.GetImportId() == "changed" && r.GetOffset() > 0 {
		return rpcerr.New(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_RANGE_NOT_SATISFIABLE, "The file has changed.")
	}
	part := file[r.GetOffset():]
	if most := int(r.GetMaxBytes()); most > 0 {
		part = part[:min(most, len(part))]
	}
	m := &importsv1.DownloadReportResponse{
		FileName: "issues.csv", SizeBytes: int64(len(file)), Etag: "v1", Body: &httpbody.HttpBody{ContentType: "text/csv; charset=utf-8"},
	}
	for {
		n := min(len(part), 64<<10)
		m.Body.Data, part = part[:n], part[n:]
		if err := stream.Send(m); err != nil || len(part) == 0 {
			return err
		}
		m = &importsv1.DownloadReportResponse{Body: &httpbody.HttpBody{}}
	}
}

func (f *importerFake) GetTemplate(_ *importsv1.GetTemplateRequest, stream grpc.ServerStreamingServer[importsv1.GetTemplateResponse]) error {
	for _, m := range []*importsv1.GetTemplateResponse{
		{FileName: "workforce-template.xlsx", Body: &httpbody.HttpBody{ContentType: "application/octet-stream", Data: []byte("PK")}},
		{Body: &httpbody.HttpBody{Data: []byte("the rest")}},
	} {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}
