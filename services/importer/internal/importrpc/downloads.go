package importrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/template"
)

// pieceBytes is how much of a download goes into one message.
const pieceBytes = 64 << 10

const (
	workbookType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	csvType      = "text/csv; charset=utf-8"
)

// GetTemplate implements headway.imports.v1.ImportService.
func (s *Service) GetTemplate(r *importsv1.GetTemplateRequest, stream grpc.ServerStreamingServer[importsv1.GetTemplateResponse]) error {
	spec, err := s.Schemas.Get(r.GetSchema())
	if err != nil {
		return toStatus(err)
	}
	// A template is small; made whole before its first byte leaves, a fault in it is an error and not half a file.
	var file bytes.Buffer
	if err := template.Write(&file, spec); err != nil {
		return toStatus(err)
	}
	return toStatus(sendAll(stream.Context(), &file, func(body *httpbody.HttpBody, first bool) error {
		m := &importsv1.GetTemplateResponse{Body: body}
		if first {
			body.ContentType, m.FileName = workbookType, spec.Name+"-template.xlsx"
		}
		return stream.Send(m)
	}))
}

// GetSample implements headway.imports.v1.ImportService.
func (s *Service) GetSample(r *importsv1.GetSampleRequest, stream grpc.ServerStreamingServer[importsv1.GetSampleResponse]) error {
	spec, err := s.Schemas.Get(r.GetSchema())
	if err != nil {
		return toStatus(err)
	}
	if spec.Name != sample.Schema {
		return toStatus(errNoSample)
	}
	rows := int(r.GetRows())
	if rows == 0 {
		rows = 1000
	}
	if most := rows / 10; int(r.GetIssues()) > most {
		return toStatus(rpcerr.Invalid("issues", fmt.Sprintf("is at most a tenth of the rows: %d for %d rows", most, rows)))
	}
	pieces := newPieces(func(body *httpbody.HttpBody, first bool) error {
		m := &importsv1.GetSampleResponse{Body: body}
		if first {
			body.ContentType, m.FileName = workbookType, spec.Name+"-sample.xlsx"
		}
		return stream.Send(m)
	})
	options := sample.Options{Rows: rows, Issues: int(r.GetIssues()), Seed: uint64(r.GetSeed())}
	if _, err := sample.Write(stream.Context(), pieces, options); err != nil {
		return toStatus(err)
	}
	return toStatus(pieces.flush())
}

// pieces is a writer that sends what is written in messages of pieceBytes.
type pieces struct {
	send  func(body *httpbody.HttpBody, first bool) error
	held  []byte
	begun bool
}

func newPieces(send func(*httpbody.HttpBody, bool) error) *pieces {
	return &pieces{send: send, held: make([]byte, 0, pieceBytes)}
}

// Write implements io.Writer.
func (p *pieces) Write(data []byte) (int, error) {
	n := len(data)
	for len(data) > 0 {
		take := min(len(data), pieceBytes-len(p.held))
		p.held, data = append(p.held, data[:take]...), data[take:]
		if len(p.held) == pieceBytes {
			if err := p.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (p *pieces) flush() error {
	if len(p.held) == 0 {
		return nil
	}
	err := p.send(&httpbody.HttpBody{Data: bytes.Clone(p.held)}, !p.begun)
	p.held, p.begun = p.held[:0], true
	return err
}

// sendAll sends a reader to its end.
func sendAll(ctx context.Context, r io.Reader, send func(*httpbody.HttpBody, bool) error) error {
	p := newPieces(send)
	if _, err := io.Copy(p, r); err != nil {
		return errors.Join(err, ctx.Err())
	}
	return p.flush()
}
