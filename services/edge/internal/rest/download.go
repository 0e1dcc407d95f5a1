package rest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/download"
	"headway/services/edge/internal/pace"
	"headway/services/edge/internal/reqlog"
)

// Downloads serves files. Its handlers are for Gateway.HandleFile.
type Downloads struct {
	// Gateway writes the errors.
	Gateway *Gateway
	// Imports is the client of the importer.
	Imports importsv1.ImportServiceClient
	// AsService makes calls with the edge's own token, because the caller's can expire before a long download ends.
	AsService grpc.CallOption
	// Sender sends the files.
	Sender *download.Sender
	// StallTimeout is the maximum time that a client can take to accept a chunk of a generated file.
	StallTimeout time.Duration
	// Budget limits the bytes of reports that are requested from the importer at a time.
	Budget *pace.Budget
}

// chunk is implemented by the messages of every streamed file.
type chunk interface {
	GetBody() *httpbody.HttpBody
	GetFileName() string
}

// Report serves GET /api/v1/imports/{import_id}/report.xlsx.
func (d *Downloads) Report(w http.ResponseWriter, r *http.Request) {
	d.report(w, r, importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK)
}

// Imported serves GET /api/v1/imports/{import_id}/imported.xlsx.
func (d *Downloads) Imported(w http.ResponseWriter, r *http.Request) {
	d.report(w, r, importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX)
}

// Issues serves GET /api/v1/imports/{import_id}/issues.csv.
func (d *Downloads) Issues(w http.ResponseWriter, r *http.Request) {
	d.report(w, r, importsv1.ReportFormat_REPORT_FORMAT_CSV)
}

func (d *Downloads) report(w http.ResponseWriter, r *http.Request, format importsv1.ReportFormat) {
	id, language, etag := r.PathValue("import_id"), languageOf(r), "" // the file must not keep the request in memory until a slow reader has finished
	request := func(ctx context.Context, offset, n int64, options ...grpc.CallOption) (func() (*importsv1.DownloadReportResponse, error), error) {
		stream, err := d.Imports.DownloadReport(ctx, &importsv1.DownloadReportRequest{
			ImportId: id, Format: format, Offset: offset, MaxBytes: uint32(n), Etag: etag, Language: language,
		}, options...)
		return func() (*importsv1.DownloadReportResponse, error) { return stream.Recv() }, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	next, err := request(ctx, 0, pace.Slow)
	if err != nil {
		d.Gateway.Fail(w, r, err)
		return
	}
	first, err := next()
	cancel()
	if err != nil {
		d.Gateway.Fail(w, r, err)
		return
	}
	requestID := reqlog.From(r.Context()).ID
	etag = first.GetEtag() // all parts are of the same version
	file := &download.File{Size: first.GetSizeBytes(), Begin: first.GetBody().GetData(), Budget: d.Budget, Request: func(ctx context.Context, offset, n int64) (func() ([]byte, error), error) {
		next, err := request(asEdge(ctx, requestID), offset, n, d.AsService)
		return func() ([]byte, error) {
			m, err := next()
			return m.GetBody().GetData(), err
		}, err
	}}
	describe(w, first)
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Add("Vary", "Accept-Language")
	w.Header().Set("ETag", `"`+etag+`"`)
	d.Sender.Send(w, r, file)
}

// maxLanguages is the maximum length of Accept-Language in bytes. A longer one, and one that is not text, are ignored.
const maxLanguages = 1000

// languageOf returns the languages that a request prefers for the texts of a file. The importer refuses a parameter that is too long.
func languageOf(r *http.Request) string {
	if chosen := r.URL.Query().Get("language"); chosen != "" {
		return chosen
	}
	preferred := r.Header.Get("Accept-Language")
	if len(preferred) > maxLanguages || !utf8.ValidString(preferred) {
		return ""
	}
	return preferred
}

// maxTemplate bounds the size of a template. It grows with the schema only.
const maxTemplate = 16 << 20

// Template serves GET /api/v1/schemas/{schema}/template.xlsx.
func (d *Downloads) Template(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stream, err := d.Imports.GetTemplate(ctx, &importsv1.GetTemplateRequest{Schema: r.PathValue("schema"), Language: languageOf(r)})
	var all []byte
	var first *importsv1.GetTemplateResponse
	for err == nil && len(all) <= maxTemplate {
		var m *importsv1.GetTemplateResponse
		if m, err = stream.Recv(); err == nil {
			first = cmp.Or(first, m)
			all = append(all, m.GetBody().GetData()...)
		}
	}
	if !errors.Is(err, io.EOF) || first == nil {
		d.Gateway.Fail(w, r, cmp.Or(err, rpcerr.Internal(errors.New("the importer sent no template, or a very large one"))))
		return
	}
	describe(w, first)
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Add("Vary", "Accept-Language")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(all)))
	d.Sender.Send(w, r, &download.File{Size: int64(len(all)), Begin: all, Budget: d.Budget})
}

// Sample serves GET /api/v1/schemas/{schema}/sample.xlsx?rows=&issues=&seed=. The sample is generated as it is sent, so it has no
// length.
func (d *Downloads) Sample(w http.ResponseWriter, r *http.Request) {
	req := &importsv1.GetSampleRequest{Schema: r.PathValue("schema")}
	for name, field := range map[string]*uint32{"rows": &req.Rows, "issues": &req.Issues, "seed": &req.Seed} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			d.Gateway.Fail(w, r, rpcerr.Invalid(name, "It must be a whole number, 0 or more."))
			return
		}
		*field = uint32(n)
	}
	send(d, w, r, func(ctx context.Context) (func() (chunk, error), error) {
		stream, err := d.Imports.GetSample(ctx, req)
		return func() (chunk, error) { return stream.Recv() }, err
	})
}

// send forwards the stream of a file. An error before the first byte is a normal error response. A later error aborts
// the connection, so that no client mistakes an incomplete file for a complete one.
func send(d *Downloads, w http.ResponseWriter, r *http.Request, open func(context.Context) (func() (chunk, error), error)) {
	release := d.Sender.Admit(w, r)
	if release == nil {
		return
	}
	defer release()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	receive, err := open(ctx)
	if err != nil {
		d.Gateway.Fail(w, r, err)
		return
	}
	first, err := receive()
	if errors.Is(err, io.EOF) {
		err = rpcerr.Internal(errors.New("the importer sent an empty file"))
	}
	if err != nil {
		d.Gateway.Fail(w, r, err)
		return
	}
	describe(w, first)
	w.Header().Set("Cache-Control", "private, no-store")
	if r.Method == http.MethodHead { // without the rest, which is generated
		return
	}
	rc := http.NewResponseController(w)
	for p := first; ; {
		_ = rc.SetWriteDeadline(time.Now().Add(d.StallTimeout)) // net/http's writers support it
		if _, err := w.Write(p.GetBody().GetData()); err != nil {
			panic(http.ErrAbortHandler) // the client has disconnected
		}
		_ = rc.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream when the deadline passes, even if nothing is being written
		if p, err = receive(); errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// describe sets the headers that describe a file.
func describe(w http.ResponseWriter, first chunk) {
	w.Header().Set("Content-Type", first.GetBody().GetContentType())
	w.Header().Set("Content-Disposition", disposition(first.GetFileName()))
}

// disposition returns the Content-Disposition of a file (RFC 6266): its name in ASCII for old clients, and in UTF-8
// (RFC 8187). Characters that are not shown are replaced: those that change the direction of the text would hide how the name ends.
func disposition(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return '_'
		}
		return c
	}, name)
	const unreserved = "!#$&+-.^_`|~"
	var ascii, encoded strings.Builder
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(unreserved, c) >= 0 {
			encoded.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		encoded.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	for _, c := range name {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%' || c == '/' {
			c = '_'
		}
		ascii.WriteRune(c)
	}
	return `attachment; filename="` + ascii.String() + `"; filename*=UTF-8''` + encoded.String()
}
