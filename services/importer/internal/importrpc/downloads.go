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
	"headway/internal/messages"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/template"
)

// chunkBytes is the number of bytes of a download in one message.
const chunkBytes = 64 << 10

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
	// A template is small, so it is completed before its first byte is sent. An error never results in a partial file.
	var file bytes.Buffer
	if err := template.Write(&file, spec, messages.Negotiate(r.GetLanguage())); err != nil {
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
	chunks := newChunks(func(body *httpbody.HttpBody, first bool) error {
		m := &importsv1.GetSampleResponse{Body: body}
		if first {
			body.ContentType, m.FileName = workbookType, spec.Name+"-sample.xlsx"
		}
		return stream.Send(m)
	})
	options := sample.Options{Rows: rows, Issues: int(r.GetIssues()), Seed: uint64(r.GetSeed())}
	if _, err := sample.Write(stream.Context(), chunks, options); err != nil {
		return toStatus(err)
	}
	return toStatus(chunks.flush())
}

// chunks is a writer that sends its bytes in messages of chunkBytes.
type chunks struct {
	send   func(body *httpbody.HttpBody, first bool) error
	unsent []byte
	begun  bool
}

func newChunks(send func(*httpbody.HttpBody, bool) error) *chunks {
	return &chunks{send: send, unsent: make([]byte, 0, chunkBytes)}
}

// Write implements io.Writer.
func (c *chunks) Write(data []byte) (int, error) {
	n := len(data)
	for len(data) > 0 {
		take := min(len(data), chunkBytes-len(c.unsent))
		c.unsent, data = append(c.unsent, data[:take]...), data[take:]
		if len(c.unsent) == chunkBytes {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (c *chunks) flush() error {
	if len(c.unsent) == 0 {
		return nil
	}
	err := c.send(&httpbody.HttpBody{Data: bytes.Clone(c.unsent)}, !c.begun)
	c.unsent, c.begun = c.unsent[:0], true
	return err
}

// sendAll sends everything from a reader.
func sendAll(ctx context.Context, r io.Reader, send func(*httpbody.HttpBody, bool) error) error {
	c := newChunks(send)
	if _, err := io.Copy(c, r); err != nil {
		return errors.Join(err, ctx.Err())
	}
	return c.flush()
}
