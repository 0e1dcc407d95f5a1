package importrpc

import (
	"cmp"
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/messages"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/intake"
	"headway/services/importer/internal/source"
)

type uploadStream = grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]

// UploadWorkbook implements headway.imports.v1.ImportService.
func (s *Service) UploadWorkbook(stream uploadStream) error {
	ctx := stream.Context()
	options, err := receiveOptions[*importsv1.UploadWorkbookRequest](stream)
	if err != nil {
		return toStatus(err)
	}
	if err := s.mayImport(ctx, cmp.Or(options.GetSchema(), intake.DefaultSchema)); err != nil {
		return err
	}
	im, replayed, err := s.Intake.Accept(ctx, requestOf(ctx, options, &body[*importsv1.UploadWorkbookRequest]{stream: stream}))
	if err != nil {
		return toStatus(err)
	}
	snapshot, err := s.Follow.Current(ctx, im.ID)
	if err != nil {
		return toStatus(err)
	}
	out := s.message(snapshot)
	if replayed {
		out.Notices = append(out.Notices, noticeMessage(imports.NewNotice(rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_REQUEST_REPLAYED),
			messages.New("notice.request_replayed"))))
	}
	return stream.SendAndClose(&importsv1.UploadWorkbookResponse{Import: out, Replayed: replayed})
}

// requestOf returns an upload with these options.
func requestOf(ctx context.Context, options *importsv1.UploadOptions, body io.Reader) intake.Request {
	return intake.Request{
		Owner: caller(ctx).Subject, Schema: options.GetSchema(), FileName: options.GetFileName(), RequestID: options.GetRequestId(),
		Policy:  imports.Policy{OnIssues: imports.OnIssues(options.GetOnIssues()), Mode: imports.Mode(options.GetMode()), DryRun: options.GetDryRun()},
		Mapping: mappingOf(options.GetMapping()), ConfirmMapping: options.GetConfirmMapping(), SizeBytes: options.GetSizeBytes(),
		Text: textFormatOf(options.GetTextFormat()), Texts: textFormatsOf(options.GetTextFormats()), Body: body,
	}
}

// filePart is a message of a file: the options, bytes, or the beginning of the next file.
type filePart interface {
	GetOptions() *importsv1.UploadOptions
	GetData() []byte
	GetNextFile() *importsv1.NextFile
}

// parts is a stream of messages of a file.
type parts[M filePart] interface{ Recv() (M, error) }

func receiveOptions[M filePart](stream parts[M]) (*importsv1.UploadOptions, error) {
	first, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	options := first.GetOptions()
	if options == nil {
		return nil, rpcerr.Invalid("options", "the first message must have the options, and the others the bytes of the workbook")
	}
	return options, nil
}

// body reads the bytes of the messages that follow the options. It is an intake.Parts.
type body[M filePart] struct {
	stream parts[M]
	// unread is the rest of the last message.
	unread []byte
	// next is the file that begins after the current one, as soon as the current one has ended.
	next *importsv1.NextFile
	// err is the error that ended the stream.
	err error
}

// NextFile implements intake.Parts.
func (b *body[M]) NextFile() (string, error) {
	if b.next == nil {
		return "", b.err
	}
	name := b.next.GetFileName()
	b.next = nil
	return name, nil
}

// Read implements io.Reader.
func (b *body[M]) Read(p []byte) (int, error) {
	for len(b.unread) == 0 {
		if b.next != nil {
			return 0, io.EOF
		}
		if b.err != nil {
			return 0, b.err
		}
		message, err := b.stream.Recv()
		if err != nil {
			b.err = err
			return 0, err
		}
		if message.GetOptions() != nil {
			return 0, rpcerr.Invalid("options", "only the first message can have options")
		}
		b.unread, b.next = message.GetData(), message.GetNextFile()
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	return n, nil
}

// textFormatsOf returns the formats that an upload sets for some of several files.
func textFormatsOf(formats map[string]*importsv1.TextFormat) map[string]source.TextFormat {
	out := make(map[string]source.TextFormat, len(formats))
	for name, f := range formats {
		out[name] = textFormatOf(f)
	}
	return out
}

// textFormatOf returns the fields of a format that an upload can set.
func textFormatOf(m *importsv1.TextFormat) source.TextFormat {
	return source.TextFormat{Encoding: m.GetEncoding(), Delimiter: m.GetDelimiter(), Quote: m.GetQuote(), Escape: m.GetEscape(),
		LineBreak: m.GetLineBreak(), SkipBlanks: m.GetSkipBlanks()}
}
